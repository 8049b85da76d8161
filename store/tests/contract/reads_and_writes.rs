//! Promises about single objects.

use bytes::Bytes;
use emberkeep_store::{ETag, Expect, ObjectName, Read, Store};
use tokio::task::JoinSet;

use crate::place::Place;

pub(crate) fn name(text: &str) -> ObjectName {
    ObjectName::new(text).unwrap()
}

/// The content of an object that is there.
pub(crate) async fn content(store: &Store, name: &ObjectName) -> (Bytes, ETag) {
    match store.get(name, None).await.unwrap() {
        Read::Found(object) => (object.bytes, object.etag),
        other => panic!("{name} is {other:?}"),
    }
}

pub(crate) async fn a_read_sees_the_write_before_it(place: Place) {
    let (writer, reader) = (place.open().await, place.open().await);
    for text in ["one", "two", ""] {
        let etag = writer.put(&name("a"), text.into(), Expect::Anything).await.unwrap();
        assert_eq!(content(&reader, &name("a")).await, (Bytes::from(text), etag));
    }
}

pub(crate) async fn what_was_never_written_is_missing(place: Place) {
    let store = place.open().await;
    assert_eq!(store.get(&name("a"), None).await.unwrap(), Read::Missing);
    assert_eq!(
        store.get(&name("a/b/c"), Some(&ETag::new("\"x\""))).await.unwrap(),
        Read::Missing
    );
}

pub(crate) async fn a_read_of_the_version_at_hand_moves_no_bytes(place: Place) {
    let store = place.open().await;
    let first = store.put(&name("a"), "one".into(), Expect::Absent).await.unwrap();
    assert_eq!(store.get(&name("a"), Some(&first)).await.unwrap(), Read::NotModified);
    store.put(&name("a"), "two".into(), Expect::Anything).await.unwrap();
    assert!(matches!(
        store.get(&name("a"), Some(&first)).await.unwrap(),
        Read::Found(_)
    ));
}

pub(crate) async fn a_deleted_object_is_missing_and_may_be_deleted_again(place: Place) {
    let store = place.open().await;
    store.put(&name("a/b"), "x".into(), Expect::Absent).await.unwrap();
    store.delete(&name("a/b")).await.unwrap();
    assert_eq!(store.get(&name("a/b"), None).await.unwrap(), Read::Missing);
    store.delete(&name("a/b")).await.unwrap();
    store.put(&name("a/b"), "y".into(), Expect::Absent).await.unwrap();
}

pub(crate) async fn a_large_object_arrives_whole(place: Place) {
    let store = place.open().await;
    let bytes: Bytes = (0..(17u32 << 20) / 4).flat_map(u32::to_le_bytes).collect();
    let etag = store.put(&name("large"), bytes.clone(), Expect::Absent).await.unwrap();
    let (found, found_etag) = content(&store, &name("large")).await;
    assert!(found == bytes, "the content differs");
    assert_eq!(found_etag, etag);
}

pub(crate) async fn odd_keys_keep_apart_and_come_back(place: Place) {
    let store = place.open().await;
    let long = "long".repeat(180);
    let keys = [
        ".", "..", "...", "/", "a/b", "a%2Fb", "a b", "a+b", "a=", "a", "ü", "名前", "\n", "\0", "%", "~", &long,
    ];
    for key in keys {
        let name = ObjectName::of_key("t", &[1], key.as_bytes()).unwrap();
        store.put(&name, key.to_owned().into(), Expect::Absent).await.unwrap();
    }
    let page = store.list(&emberkeep_store::NameRange::all(), 1000).await.unwrap();
    assert_eq!(page.objects.len(), keys.len());
    for listed in page.objects {
        let key = listed.name.application_key().unwrap();
        assert_eq!(content(&store, &listed.name).await.0, key);
        assert_eq!(listed.size_bytes, key.len() as u64);
    }
}

pub(crate) async fn an_object_may_lie_below_another(place: Place) {
    let store = place.open().await;
    for text in ["a", "a/b", "a/b/c"] {
        store.put(&name(text), text.into(), Expect::Absent).await.unwrap();
    }
    store.delete(&name("a/b")).await.unwrap();
    assert_eq!(content(&store, &name("a")).await.0, "a");
    assert_eq!(content(&store, &name("a/b/c")).await.0, "a/b/c");
}

pub(crate) async fn a_reader_never_sees_a_part_of_a_write(place: Place) {
    let (writer, reader) = (place.open().await, place.open().await);
    let versions = [Bytes::from(vec![b'x'; 100_000]), Bytes::from(vec![b'y'; 50_000])];
    writer
        .put(&name("a"), versions[0].clone(), Expect::Absent)
        .await
        .unwrap();
    let expected = versions.clone();
    let writing = tokio::spawn(async move {
        for version in versions.iter().cycle().take(40) {
            writer.put(&name("a"), version.clone(), Expect::Anything).await.unwrap();
        }
    });
    while !writing.is_finished() {
        let (found, _) = content(&reader, &name("a")).await;
        assert!(expected.contains(&found), "{} bytes of neither version", found.len());
    }
    writing.await.unwrap();
}

pub(crate) async fn neighbours_come_and_go_without_harm(place: Place) {
    let mut neighbours = JoinSet::new();
    for text in ["t/00/a", "t/00/b", "t/01/a"] {
        let store = place.open().await;
        neighbours.spawn(async move {
            for _ in 0..30 {
                store.put(&name(text), text.into(), Expect::Absent).await.unwrap();
                assert_eq!(content(&store, &name(text)).await.0, text);
                store.delete(&name(text)).await.unwrap();
            }
        });
    }
    neighbours.join_all().await;
}
