//! Reads and writes of single objects.

use bytes::Bytes;
use emberkeep_store::{ETag, Expect, ObjectName, Read, Store};
use tokio::task::JoinSet;

use crate::backend::StoreBackend;

pub(crate) fn name(text: &str) -> ObjectName {
    ObjectName::new(text).unwrap()
}

/// The content of an existing object.
pub(crate) async fn content(store: &Store, name: &ObjectName) -> (Bytes, ETag) {
    match store.get(name, None).await.unwrap() {
        Read::Found(object) => (object.bytes, object.etag),
        other => panic!("{name} is {other:?}"),
    }
}

pub(crate) async fn a_read_sees_the_write_before_it(backend: StoreBackend) {
    let (writer, reader) = (backend.open().await, backend.open().await);
    for text in ["one", "two", ""] {
        let etag = writer.put(&name("a"), text.into(), Expect::Anything).await.unwrap();
        assert_eq!(content(&reader, &name("a")).await, (Bytes::from(text), etag));
    }
}

pub(crate) async fn an_object_that_was_never_written_is_missing(backend: StoreBackend) {
    let store = backend.open().await;
    assert_eq!(store.get(&name("a"), None).await.unwrap(), Read::Missing);
    assert_eq!(
        store.get(&name("a/b/c"), Some(&ETag::new("\"x\""))).await.unwrap(),
        Read::Missing
    );
}

pub(crate) async fn a_read_of_an_unchanged_version_moves_no_bytes(backend: StoreBackend) {
    let store = backend.open().await;
    let first = store.put(&name("a"), "one".into(), Expect::Absent).await.unwrap();
    assert_eq!(store.get(&name("a"), Some(&first)).await.unwrap(), Read::NotModified);
    store.put(&name("a"), "two".into(), Expect::Anything).await.unwrap();
    assert!(matches!(
        store.get(&name("a"), Some(&first)).await.unwrap(),
        Read::Found(_)
    ));
}

pub(crate) async fn a_deleted_object_is_missing_and_may_be_deleted_again(backend: StoreBackend) {
    let store = backend.open().await;
    store.put(&name("a/b"), "x".into(), Expect::Absent).await.unwrap();
    store.delete(&name("a/b")).await.unwrap();
    assert_eq!(store.get(&name("a/b"), None).await.unwrap(), Read::Missing);
    store.delete(&name("a/b")).await.unwrap();
    store.put(&name("a/b"), "y".into(), Expect::Absent).await.unwrap();
}

pub(crate) async fn a_large_object_arrives_whole(backend: StoreBackend) {
    let store = backend.open().await;
    let bytes: Bytes = (0..(17u32 << 20) / 4).flat_map(u32::to_le_bytes).collect();
    let etag = store.put(&name("large"), bytes.clone(), Expect::Absent).await.unwrap();
    let (found, found_etag) = content(&store, &name("large")).await;
    assert!(found == bytes, "the content differs");
    assert_eq!(found_etag, etag);
}

pub(crate) async fn unusual_keys_stay_distinct_and_are_listed_as_written(backend: StoreBackend) {
    let store = backend.open().await;
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

pub(crate) async fn an_object_may_be_below_another(backend: StoreBackend) {
    let store = backend.open().await;
    for text in ["a", "a/b", "a/b/c"] {
        store.put(&name(text), text.into(), Expect::Absent).await.unwrap();
    }
    store.delete(&name("a/b")).await.unwrap();
    assert_eq!(content(&store, &name("a")).await.0, "a");
    assert_eq!(content(&store, &name("a/b/c")).await.0, "a/b/c");
}

pub(crate) async fn a_reader_never_sees_a_part_of_a_write(backend: StoreBackend) {
    let (writer, reader) = (backend.open().await, backend.open().await);
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

pub(crate) async fn concurrent_creates_and_deletes_in_a_folder_do_not_interfere(backend: StoreBackend) {
    let mut clients = JoinSet::new();
    for text in ["t/00/a", "t/00/b", "t/01/a"] {
        let store = backend.open().await;
        clients.spawn(async move {
            for _ in 0..30 {
                store.put(&name(text), text.into(), Expect::Absent).await.unwrap();
                assert_eq!(content(&store, &name(text)).await.0, text);
                store.delete(&name(text)).await.unwrap();
            }
        });
    }
    clients.join_all().await;
}
