//! A client of a server that fails, cuts connections, is slow, or returns outdated objects.

use std::time::Duration;

use bytes::Bytes;
use emberkeep_store::{ETag, Expect, ObjectName, Read, Store, StoreError};
use emberkeep_testkit::deadline::soon;
use emberkeep_testkit::fault_proxy::{HttpFault, RandomFaults, RequestMatcher};
use tokio::task::JoinSet;

use crate::backend::ProxiedS3;
use crate::reads_and_writes::{content, name};

const READS: fn() -> RequestMatcher = || RequestMatcher::to("GET", "/state/");

#[tokio::test]
async fn a_truncated_read_is_retried() {
    let ProxiedS3 { store, proxy, .. } = &ProxiedS3::start().await;
    let bytes = Bytes::from(vec![b'x'; 1_000_000]);
    let etag = store.put(&name("a"), bytes.clone(), Expect::Absent).await.unwrap();
    proxy.inject(2, READS(), HttpFault::CutBody);
    assert_eq!(content(store, &name("a")).await, (bytes, etag));
    assert_eq!(proxy.injected().body_cuts, 2);
}

#[tokio::test]
async fn a_read_that_is_always_truncated_is_a_retryable_error() {
    let ProxiedS3 { store, proxy, .. } = &ProxiedS3::start().await;
    let bytes = Bytes::from(vec![b'x'; 1_000_000]);
    store.put(&name("a"), bytes, Expect::Absent).await.unwrap();
    proxy.inject(usize::MAX, READS(), HttpFault::CutBody);
    let error = store.get(&name("a"), None).await.unwrap_err();
    assert!(error.is_retryable());
    let location = store.location();
    let words = format!("{location} is unreachable: the content of a was cut off after 500000 of 1000000 bytes: ");
    assert!(error.to_string().starts_with(&words), "{error}");
    assert_eq!(proxy.injected().body_cuts, 3);
}

#[tokio::test]
async fn a_write_based_on_a_stale_read_is_rejected() {
    let ProxiedS3 {
        store, proxy, server, ..
    } = &ProxiedS3::start().await;
    let other = server.store("state").await.unwrap();
    let first = store.put(&name("a"), "one".into(), Expect::Absent).await.unwrap();
    assert_eq!(content(store, &name("a")).await, (Bytes::from("one"), first.clone()));
    let second = other
        .put(&name("a"), "two".into(), Expect::Matches(first))
        .await
        .unwrap();

    proxy.inject(1, READS(), HttpFault::StaleRead);
    let (stale, etag) = content(store, &name("a")).await;
    assert_eq!((stale, proxy.injected().stale_reads), (Bytes::from("one"), 1));
    let refused = store.put(&name("a"), "three".into(), Expect::Matches(etag)).await;
    assert!(
        matches!(refused, Err(StoreError::PreconditionFailed { .. })),
        "{refused:?}"
    );

    let (found, etag) = content(store, &name("a")).await;
    assert_eq!((found, &etag), (Bytes::from("two"), &second));
    store
        .put(&name("a"), "three".into(), Expect::Matches(etag))
        .await
        .unwrap();
}

#[tokio::test]
async fn requests_to_a_briefly_overloaded_server_are_retried() {
    let ProxiedS3 { store, proxy, .. } = &ProxiedS3::start().await;
    proxy.inject(3, RequestMatcher::any(), HttpFault::SlowDown);
    store.put(&name("a"), "x".into(), Expect::Absent).await.unwrap();
    proxy.inject(3, RequestMatcher::any(), HttpFault::InternalError);
    assert_eq!(content(store, &name("a")).await.0, "x");
    let injected = proxy.injected();
    assert_eq!((injected.slow_downs, injected.internal_errors), (3, 3));
}

#[tokio::test]
async fn the_retries_of_an_overloaded_server_are_limited() {
    let ProxiedS3 { store, proxy, .. } = &ProxiedS3::start().await;
    proxy.inject(usize::MAX, RequestMatcher::any(), HttpFault::SlowDown);
    // Four attempts, and at most 50, 100 and 200 ms between them.
    let error = soon(store.get(&name("a"), None)).await.unwrap_err();
    assert!(matches!(error, StoreError::Busy { .. }), "{error}");
    let words = "is busy: SlowDown: reduce your request rate";
    assert!(error.to_string().ends_with(words), "{error}");
    assert_eq!(proxy.injected().slow_downs, 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn eight_writers_append_ten_lines_each_once_while_the_store_fails() {
    let shaken = ProxiedS3::start().await;
    shaken
        .store
        .put(&name("list"), "".into(), Expect::Absent)
        .await
        .unwrap();
    shaken.proxy.inject_at_random(random_faults());
    let mut writers = JoinSet::new();
    for writer in 0..8 {
        let store = shaken.open().await;
        writers.spawn(async move {
            for increment in 0..10 {
                let id = format!("{writer}.{increment}");
                append(&store, &id).await;
            }
        });
    }
    soon(writers.join_all()).await;
    shaken.proxy.heal();

    let injected = shaken.proxy.injected();
    assert!(injected.cuts_after > 0 && injected.body_cuts > 0, "{injected:?}");
    let (list, _) = content(&shaken.store, &name("list")).await;
    let mut found: Vec<&str> = std::str::from_utf8(&list).unwrap().lines().collect();
    found.sort_unstable();
    let expected: Vec<String> = (0..8).flat_map(|w| (0..10).map(move |i| format!("{w}.{i}"))).collect();
    assert_eq!(found, expected);
}

fn random_faults() -> RandomFaults {
    RandomFaults::seeded(7)
        .percent(10, HttpFault::Delay(Duration::from_millis(20)))
        .percent(4, HttpFault::InternalError)
        .percent(4, HttpFault::SlowDown)
        .percent(4, HttpFault::CutBefore)
        .percent(4, HttpFault::CutAfter)
        .percent(4, HttpFault::CutBody)
        .percent(4, HttpFault::StaleRead)
}

/// Appends a line once: after a failure, the object shows whether the line was appended.
async fn append(store: &Store, id: &str) {
    let list = name("list");
    loop {
        let Some((text, etag)) = read(store, &list).await else {
            continue;
        };
        if text.lines().any(|line| line == id) {
            return;
        }
        match store
            .put(&list, format!("{text}{id}\n").into(), Expect::Matches(etag))
            .await
        {
            Ok(_) => return,
            Err(StoreError::PreconditionFailed { .. } | StoreError::Undecided { .. }) => {}
            Err(error) => assert!(error.is_retryable(), "{error}"),
        }
    }
}

/// The content of an existing object, or `None` if the read failed and may be retried.
async fn read(store: &Store, name: &ObjectName) -> Option<(String, ETag)> {
    match store.get(name, None).await {
        Ok(Read::Found(object)) => Some((String::from_utf8(object.bytes.into()).unwrap(), object.etag)),
        Ok(other) => panic!("{name} is {other:?}"),
        Err(error) => {
            assert!(error.is_retryable(), "{error}");
            None
        }
    }
}
