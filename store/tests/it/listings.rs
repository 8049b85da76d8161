//! Listings: order, pages and ranges.

use emberkeep_store::{Expect, NameRange, ObjectName, Store};
use futures::{StreamExt, TryStreamExt, stream};

use crate::backend::StoreBackend;

async fn write(store: &Store, names: &[String]) {
    for text in names {
        store
            .put(&ObjectName::new(text.as_str()).unwrap(), "x".into(), Expect::Absent)
            .await
            .unwrap();
    }
}

/// All names of a range, read in pages of at most `count_max`.
async fn all(store: &Store, range: NameRange, count_max: usize) -> Vec<String> {
    let mut names = Vec::new();
    let mut rest = Some(range);
    while let Some(range) = rest {
        let page = store.list(&range, count_max).await.unwrap();
        assert!(page.objects.len() <= count_max);
        names.extend(page.objects.into_iter().map(|object| object.name.to_string()));
        rest = page.rest;
    }
    names
}

pub(crate) async fn a_listing_is_ordered_and_comes_in_pages(backend: StoreBackend) {
    let store = backend.open().await;
    let long = "x".repeat(250);
    let mut names: Vec<String> = (0..20u8)
        .map(|i| format!("t/{:02x}/k{i}", i.wrapping_mul(37)))
        .collect();
    // Names that sort around the slash, and names longer than a file name may be.
    names.extend(["a", "a/b", "a-b", "a.b", "a%20", "a0", "t/x-/a", "t/x/a"].map(str::to_owned));
    names.extend([
        format!("t/{long}/k"),
        format!("t/{long}"),
        format!("t/{}", &long[..200]),
    ]);
    write(&store, &names).await;
    names.sort();
    for count_max in [1, 3, 1000] {
        assert_eq!(
            all(&store, NameRange::all(), count_max).await,
            names,
            "pages of {count_max}"
        );
    }
    names.retain(|name| name.starts_with("t/"));
    assert_eq!(all(&store, NameRange::prefix("t/"), 7).await, names);
}

pub(crate) async fn a_listing_of_a_slice_contains_only_its_keys(backend: StoreBackend) {
    let store = backend.open().await;
    let key = |target: &str, slice_key: &[u8]| ObjectName::of_key(target, slice_key, b"key").unwrap().to_string();
    let slice = [
        key("t", &[0x10]),
        key("t", &[0x10, 0x00]),
        key("t", &[0x1f, 0xff]),
        key("t", &[0x1f, 0xff, 0x01]),
    ];
    let outside = [
        key("t", &[0x0f, 0xff]),
        key("t", &[0x20]),
        key("t", &[0xff]),
        key("s", &[0x11]),
        key("tt", &[0x11]),
    ];
    write(&store, &slice).await;
    write(&store, &outside).await;
    assert_eq!(
        all(&store, NameRange::of_keys("t", &[0x10], Some(&[0x20])), 2).await,
        slice
    );
    assert_eq!(
        all(&store, NameRange::of_keys("t", &[0x20], None), 2).await,
        outside[1..3]
    );
}

pub(crate) async fn a_listing_of_nothing_is_empty(backend: StoreBackend) {
    let store = backend.open().await;
    assert_eq!(all(&store, NameRange::all(), 10).await, Vec::<String>::new());
    write(&store, &["t/00/a".to_owned()]).await;
    assert_eq!(all(&store, NameRange::prefix("u/"), 10).await, Vec::<String>::new());
}

pub(crate) async fn a_range_of_more_than_one_page_is_listed_completely(backend: StoreBackend) {
    let store = backend.open().await;
    let slice_keys = (0..1_100_u16).map(u16::to_be_bytes);
    let names: Vec<_> = slice_keys
        .map(|key| ObjectName::of_key("t", &key, b"key").unwrap())
        .collect();
    let puts = names
        .iter()
        .map(async |name| store.put(name, "x".into(), Expect::Absent).await);
    let written = stream::iter(puts).buffer_unordered(16).map_ok(drop);
    written.try_collect::<()>().await.unwrap();

    let range = NameRange::of_keys("t", &[], Some(&1_050_u16.to_be_bytes()));
    let listed = store.list_all(range).map_ok(|object| object.name);
    let listed: Vec<_> = listed.try_collect().await.unwrap();
    assert_eq!(listed, names[..1_050]);
}
