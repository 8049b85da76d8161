//! Conditional writes, on which every consistency guarantee depends.

use bytes::Bytes;
use emberkeep_store::{ETag, Expect, NameRange, ObjectName, Read, Store, StoreError};
use tokio::task::JoinSet;

use crate::backend::{StoreBackend, WriteTurns};
use crate::reads_and_writes::{content, name};

pub(crate) async fn of_sixteen_creators_one_wins(backend: StoreBackend) {
    let mut creators = JoinSet::new();
    let turns = backend.write_turns();
    for number in 0..16 {
        let (store, turns) = (backend.open().await, turns.clone());
        creators.spawn(async move {
            let _turn = turns.next().await;
            let bytes = Bytes::from(format!("creator {number}"));
            (bytes.clone(), store.put(&name("t/00/a"), bytes, Expect::Absent).await)
        });
    }
    let mut winners = Vec::new();
    for (bytes, outcome) in creators.join_all().await {
        match outcome {
            Ok(etag) => winners.push((bytes, etag)),
            Err(error) => assert!(matches!(error, StoreError::PreconditionFailed { .. }), "{error}"),
        }
    }
    assert_eq!(winners, [content(&backend.open().await, &name("t/00/a")).await]);
}

pub(crate) async fn eight_writers_of_ten_increments_count_to_eighty(backend: StoreBackend) {
    let counter = name("t/00/counter");
    backend
        .open()
        .await
        .put(&counter, "0".into(), Expect::Absent)
        .await
        .unwrap();
    let mut writers = JoinSet::new();
    let turns = backend.write_turns();
    for _ in 0..8 {
        let (store, counter, turns) = (backend.open().await, counter.clone(), turns.clone());
        writers.spawn(async move {
            for _ in 0..10 {
                increment(&store, &counter, &turns).await;
            }
        });
    }
    writers.join_all().await;
    assert_eq!(content(&backend.open().await, &counter).await.0, "80");
}

async fn increment(store: &Store, counter: &ObjectName, turns: &WriteTurns) {
    loop {
        let (bytes, etag) = content(store, counter).await;
        let count: u64 = std::str::from_utf8(&bytes).unwrap().parse().unwrap();
        let _turn = turns.next().await;
        match store
            .put(counter, (count + 1).to_string().into(), Expect::Matches(etag))
            .await
        {
            Ok(_) => return,
            Err(StoreError::PreconditionFailed { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

pub(crate) async fn a_write_over_an_outdated_version_is_rejected(backend: StoreBackend) {
    let store = backend.open().await;
    let missing = store
        .put(&name("a"), "x".into(), Expect::Matches(ETag::new("\"x\"")))
        .await;
    assert!(
        matches!(missing, Err(StoreError::PreconditionFailed { .. })),
        "{missing:?}"
    );

    let first = store.put(&name("a"), "one".into(), Expect::Absent).await.unwrap();
    let second = store
        .put(&name("a"), "two".into(), Expect::Matches(first.clone()))
        .await
        .unwrap();
    let stale = store.put(&name("a"), "three".into(), Expect::Matches(first)).await;
    assert!(matches!(stale, Err(StoreError::PreconditionFailed { .. })), "{stale:?}");
    assert_eq!(content(&store, &name("a")).await, (Bytes::from("two"), second));
}

pub(crate) async fn a_large_object_is_created_once(backend: StoreBackend) {
    let store = backend.open().await;
    let large = Bytes::from(vec![b'x'; (16 << 20) + 1]);
    store.put(&name("large"), "small".into(), Expect::Absent).await.unwrap();
    let second = store.put(&name("large"), large, Expect::Absent).await;
    assert!(
        matches!(second, Err(StoreError::PreconditionFailed { .. })),
        "{second:?}"
    );
    assert_eq!(content(&store, &name("large")).await.0, "small");
}

pub(crate) async fn conditional_writes_are_honoured(backend: StoreBackend) {
    let store = backend.open().await;
    store.check().await.unwrap();
    store.require_conditional_writes().await.unwrap();
    let left = store.list(&NameRange::all(), 1).await.unwrap();
    assert_eq!(left.objects, [], "the probe removes its objects");
    assert_eq!(store.get(&name("probe"), None).await.unwrap(), Read::Missing);
}
