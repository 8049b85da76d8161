//! What a client makes of a server that errs, cuts connections, is slow, or answers with what was.

use std::time::Duration;

use bytes::Bytes;
use emberkeep_store::{ETag, Expect, ObjectName, Read, Store, StoreError};
use emberkeep_testkit::fault_proxy::{Fault, RandomFaults, Requests};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::place::Shaken;
use crate::reads_and_writes::{content, name};

const READS: fn() -> Requests = || Requests::to("GET", "/state/");

#[tokio::test]
async fn content_that_breaks_off_is_asked_for_again() {
    let Shaken { store, proxy, .. } = &Shaken::start().await;
    let bytes = Bytes::from(vec![b'x'; 1_000_000]);
    let etag = store.put(&name("a"), bytes.clone(), Expect::Absent).await.unwrap();
    proxy.strike(2, READS(), Fault::CutBody);
    assert_eq!(content(store, &name("a")).await, (bytes, etag));
    assert_eq!(proxy.injected().body_cuts, 2);
}

#[tokio::test]
async fn content_that_keeps_breaking_off_is_an_error_to_try_again() {
    let Shaken { store, proxy, .. } = &Shaken::start().await;
    let bytes = Bytes::from(vec![b'x'; 1_000_000]);
    store.put(&name("a"), bytes, Expect::Absent).await.unwrap();
    proxy.strike(usize::MAX, READS(), Fault::CutBody);
    let error = store.get(&name("a"), None).await.unwrap_err();
    assert!(error.is_retryable());
    let place = store.place();
    let words = format!("{place} cannot be reached: the content of a broke off after 500000 of 1000000 bytes: ");
    assert!(error.to_string().starts_with(&words), "{error}");
    assert_eq!(proxy.injected().body_cuts, 3);
}

#[tokio::test]
async fn a_stale_read_does_not_lead_to_a_write_over_a_newer_version() {
    let Shaken {
        store, proxy, server, ..
    } = &Shaken::start().await;
    let other = server.store("state").await.unwrap();
    let first = store.put(&name("a"), "one".into(), Expect::Absent).await.unwrap();
    assert_eq!(content(store, &name("a")).await, (Bytes::from("one"), first.clone()));
    let second = other
        .put(&name("a"), "two".into(), Expect::Matches(first))
        .await
        .unwrap();

    proxy.strike(1, READS(), Fault::StaleRead);
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
async fn a_server_that_is_overloaded_for_a_moment_is_waited_for() {
    let Shaken { store, proxy, .. } = &Shaken::start().await;
    proxy.strike(3, Requests::any(), Fault::SlowDown);
    store.put(&name("a"), "x".into(), Expect::Absent).await.unwrap();
    proxy.strike(3, Requests::any(), Fault::InternalError);
    assert_eq!(content(store, &name("a")).await.0, "x");
    let injected = proxy.injected();
    assert_eq!((injected.slow_downs, injected.internal_errors), (3, 3));
}

#[tokio::test]
async fn a_server_that_stays_overloaded_is_busy_within_bounded_time() {
    let Shaken { store, proxy, .. } = &Shaken::start().await;
    proxy.strike(usize::MAX, Requests::any(), Fault::SlowDown);
    // Four tries, and at most 50, 100 and 200 ms between them.
    let outcome = timeout(Duration::from_secs(10), store.get(&name("a"), None)).await;
    let error = outcome.expect("the tries are bounded").unwrap_err();
    assert!(matches!(error, StoreError::Busy { .. }), "{error}");
    let words = "is busy: SlowDown: reduce your request rate";
    assert!(error.to_string().ends_with(words), "{error}");
    assert_eq!(proxy.injected().slow_downs, 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn eight_writers_of_ten_increments_count_to_eighty_in_any_weather() {
    const DEADLINE: Duration = Duration::from_secs(120);
    let shaken = Shaken::start().await;
    shaken
        .store
        .put(&name("list"), "".into(), Expect::Absent)
        .await
        .unwrap();
    shaken.proxy.strike_at_random(weather());
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
    timeout(DEADLINE, writers.join_all()).await.unwrap();
    shaken.proxy.calm();

    let injected = shaken.proxy.injected();
    assert!(injected.cuts_after > 0 && injected.body_cuts > 0, "{injected:?}");
    let (list, _) = content(&shaken.store, &name("list")).await;
    let mut found: Vec<&str> = std::str::from_utf8(&list).unwrap().lines().collect();
    found.sort_unstable();
    let expected: Vec<String> = (0..8).flat_map(|w| (0..10).map(move |i| format!("{w}.{i}"))).collect();
    assert_eq!(found, expected);
}

fn weather() -> RandomFaults {
    RandomFaults::seeded(7)
        .percent(10, Fault::Delay(Duration::from_millis(20)))
        .percent(4, Fault::InternalError)
        .percent(4, Fault::SlowDown)
        .percent(4, Fault::CutBefore)
        .percent(4, Fault::CutAfter)
        .percent(4, Fault::CutBody)
        .percent(4, Fault::StaleRead)
}

/// Adds a line once, whatever happens on the way: after any failure, what is there decides whether it was added.
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

/// The content of an object that is there, or nothing if it cannot be read just now.
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
