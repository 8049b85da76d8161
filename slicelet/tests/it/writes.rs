//! Writes: an acknowledged write is durable, takes effect once, and never overwrites the write of another pod.

use std::convert::Infallible;
use std::time::Duration;

use emberkeep_core::assignment::Phase;
use emberkeep_slicelet::{GetError, NotOwner, Slicelet, SliceletError, Store, WriteError};
use emberkeep_store::Read;
use emberkeep_testkit::deadline::soon;
use emberkeep_testkit::store_decorator::StoreDecorator;
use emberkeep_testkit::store_fault::{FaultyStore, StoreFault};
use futures::future::join_all;
use tempfile::TempDir;
use tonic::{Code, Status};

use crate::slicelet_fixture::{SliceletFixture, key_of_half, name_of, numbers, other_pod};

type WriteResult<T> = Result<T, WriteError<Infallible>>;

impl SliceletFixture {
    async fn add(&self, key: &str, amount: u64) -> WriteResult<u64> {
        let guard = self.slicelet.own(key)?;
        let written = soon(guard.update(|present| Ok(present.copied().unwrap_or(0) + amount))).await?;
        Ok(*written)
    }

    /// Adds once for each request id; returns the sum after the first addition.
    async fn add_once(&self, key: &str, request_id: &str, amount: u64) -> WriteResult<u64> {
        let guard = self.slicelet.own(key)?;
        let change = |present: Option<&u64>| {
            let sum = present.copied().unwrap_or(0) + amount;
            Ok((sum, sum))
        };
        soon(guard.once(request_id, change)).await
    }

    async fn object(&self, key: &str) -> Option<String> {
        object(&self.store, key).await
    }
}

/// The content of a key's object, if there is one.
async fn object(store: &Store, key: &str) -> Option<String> {
    match store.get(&name_of(key), None).await.unwrap() {
        Read::Found(object) => Some(String::from_utf8_lossy(&object.bytes).into_owned()),
        Read::Missing | Read::NotModified => None,
    }
}

#[tokio::test]
async fn an_update_is_durable_before_it_is_visible() {
    let (fixture, _session) = SliceletFixture::writing().await;
    fixture.put("a", "7").await;
    assert_eq!(fixture.get("a").await.unwrap(), 7);
    fixture.writes.close();
    let mut update = Box::pin(fixture.add("a", 1));
    assert!(futures::poll!(&mut update).is_pending());
    assert_eq!(fixture.get("a").await.unwrap(), 7, "the write is not durable yet");
    fixture.writes.open();
    assert_eq!(update.await.unwrap(), 8);
    assert_eq!(fixture.get("a").await.unwrap(), 8);
    assert_eq!(
        fixture.object("a").await.as_deref(),
        Some("8"),
        "the object of a value without request ids is the bare value"
    );
    assert_eq!(fixture.slicelet.stats().store_read_count, 1);
}

#[tokio::test]
async fn an_update_creates_a_missing_value() {
    let (fixture, _session) = SliceletFixture::writing().await;
    assert_eq!(fixture.add("a", 5).await.unwrap(), 5);
    assert_eq!(fixture.get("a").await.unwrap(), 5);
}

#[tokio::test]
async fn updates_of_one_key_run_one_after_the_other() {
    let (fixture, _session) = SliceletFixture::writing().await;
    let sums = join_all((0..20).map(|_| fixture.add("a", 1))).await;
    let mut sums: Vec<_> = sums.into_iter().map(Result::unwrap).collect();
    sums.sort_unstable();
    assert_eq!(sums, (1..=20).collect::<Vec<_>>());
    assert_eq!(fixture.slicelet.stats().write_conflict_count, 0);
}

#[tokio::test]
async fn an_update_applies_to_what_another_pod_wrote() {
    let (fixture, _session) = SliceletFixture::writing().await;
    fixture.put("a", "1").await;
    fixture.get("a").await.unwrap();
    fixture.put("a", "100").await;
    assert_eq!(fixture.add("a", 1).await.unwrap(), 101);
    assert_eq!(fixture.slicelet.stats().write_conflict_count, 1);
    assert_eq!(fixture.get("a").await.unwrap(), 101);
}

#[tokio::test]
async fn an_update_that_always_conflicts_fails_and_writes_nothing() {
    let folder = TempDir::new().unwrap();
    let store = Store::folder(folder.path()).await.unwrap();
    let contended = FaultyStore::below("numbers/", StoreFault::WritesFirst).decorate(&store);
    let (fixture, _session) = SliceletFixture::owning_as(|builder| numbers(builder).writable().store(contended)).await;
    let error = fixture.add("a", 5).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the write conflicted with writes of other pods 16 times in a row"
    );
    let object = object(&store, "a").await.unwrap();
    assert_eq!(object, format!("1{}", "0".repeat(15)), "only the other writer wrote");
}

#[tokio::test]
async fn a_rejected_change_writes_nothing() {
    let (fixture, _session) = SliceletFixture::writing().await;
    fixture.put("a", "7").await;
    let guard = fixture.slicelet.own("a").unwrap();
    let rejected = soon(guard.update(|_| Err(Status::failed_precondition("too much")))).await;
    let status = Status::from(rejected.unwrap_err());
    assert_eq!(
        (status.code(), status.message()),
        (Code::FailedPrecondition, "too much")
    );
    assert_eq!(fixture.object("a").await.as_deref(), Some("7"));
    assert_eq!(fixture.add("a", 1).await.unwrap(), 8, "the key is unlocked");
}

#[tokio::test]
async fn a_repeated_request_takes_effect_once_and_gets_the_first_answer() {
    let (fixture, _session) = SliceletFixture::writing().await;
    assert_eq!(fixture.add_once("a", "r1", 5).await.unwrap(), 5);
    assert_eq!(fixture.add_once("a", "r2", 1).await.unwrap(), 6);
    assert_eq!(fixture.add_once("a", "r1", 5).await.unwrap(), 5);
    assert_eq!(fixture.get("a").await.unwrap(), 6);
    assert_eq!(fixture.slicelet.stats().deduplicated_request_count, 1);

    let (fixture, _session) = fixture.restarted(|builder, _| numbers(builder).writable()).await;
    assert_eq!(
        fixture.add_once("a", "r2", 1).await.unwrap(),
        6,
        "another process remembers the request"
    );
    assert_eq!(fixture.get("a").await.unwrap(), 6);
}

#[tokio::test]
async fn concurrent_repetitions_of_a_request_take_effect_once() {
    let (fixture, _session) = SliceletFixture::writing().await;
    let answers = join_all((0..16).map(|_| fixture.add_once("a", "r1", 5))).await;
    assert!(answers.into_iter().all(|answer| matches!(answer, Ok(5))));
    assert_eq!(fixture.get("a").await.unwrap(), 5);
    assert_eq!(fixture.slicelet.stats().store_write_count, 1);
}

#[tokio::test]
async fn a_bounded_number_of_requests_is_remembered() {
    let two_requests = |builder| {
        let builder = numbers(builder).writable();
        builder.remember_requests(2, Duration::from_secs(60))
    };
    let (fixture, _session) = SliceletFixture::owning_as(two_requests).await;
    for id in ["r1", "r2", "r3"] {
        fixture.add_once("a", id, 1).await.unwrap();
    }
    assert_eq!(fixture.add_once("a", "r3", 1).await.unwrap(), 3);
    assert_eq!(
        fixture.add_once("a", "r1", 1).await.unwrap(),
        4,
        "two newer requests displaced it"
    );
    let error = fixture.add_once("a", "", 1).await.unwrap_err();
    assert_eq!(error.to_string(), "request id has 0 bytes, allowed are 1 to 128");
}

#[tokio::test]
async fn a_former_owner_writes_nothing() {
    let (fixture, session) = SliceletFixture::writing().await;
    let key = key_of_half(true);
    fixture.put(&key, "7").await;
    let guard = fixture.slicelet.own(&key).unwrap();
    fixture.move_upper_half_away(&session).await;
    let lost = soon(guard.update(|_| Ok::<_, Status>(8))).await.unwrap_err();
    let not_owner = NotOwner::from_status(&Status::from(lost)).unwrap();
    assert_eq!(not_owner.owner, Some(other_pod()));
    assert_eq!(fixture.object(&key).await.as_deref(), Some("7"));
}

#[tokio::test]
async fn an_update_whose_key_moves_while_its_value_loads_writes_nothing() {
    let (fixture, session) = SliceletFixture::writing().await;
    let key = key_of_half(true);
    fixture.put(&key, "7").await;
    fixture.reads.close();
    let guard = fixture.slicelet.own(&key).unwrap();
    let mut update = Box::pin(guard.update(|_| Ok::<_, Infallible>(8)));
    assert!(futures::poll!(&mut update).is_pending());
    fixture.move_upper_half_away(&session).await;
    fixture.reads.open();
    let lost = soon(update).await.unwrap_err();
    assert!(matches!(lost, WriteError::NotOwner(_)), "{lost}");
    assert_eq!(fixture.object(&key).await.as_deref(), Some("7"));
}

#[tokio::test]
async fn a_leaving_replica_reads_but_does_not_write() {
    let (fixture, session) = SliceletFixture::writing().await;
    fixture.put("a", "7").await;
    let (leaving, successor) = (fixture.pod(), other_pod());
    let replicas = vec![(leaving, Phase::Leaving), (&successor, Phase::Serving)];
    fixture.assign_all(&session, replicas).await;
    assert_eq!(fixture.get("a").await.unwrap(), 7);
    let refused = fixture.add("a", 1).await.unwrap_err();
    assert!(matches!(refused, WriteError::NotOwner(_)), "{refused}");
    assert_eq!(fixture.object("a").await.as_deref(), Some("7"));
}

#[tokio::test]
async fn a_write_in_flight_completes_although_its_request_is_cancelled() {
    let (fixture, _session) = SliceletFixture::writing().await;
    fixture.put("a", "7").await;
    fixture.get("a").await.unwrap();
    fixture.writes.close();
    let mut cancelled = Box::pin(fixture.add("a", 1));
    assert!(futures::poll!(&mut cancelled).is_pending());
    fixture.writes.arrivals(1).await;
    drop(cancelled);
    let mut next = Box::pin(fixture.add("a", 10));
    assert!(futures::poll!(&mut next).is_pending());
    fixture.writes.open();
    assert_eq!(next.await.unwrap(), 18, "the cancelled write took effect first");
    assert_eq!(fixture.slicelet.stats().write_conflict_count, 0);
}

#[tokio::test]
async fn a_write_that_misses_its_deadline_is_in_doubt() {
    let (fixture, _session) = SliceletFixture::writing().await;
    fixture.writes.close();
    // Paused time advances to the deadline once every task waits for the closed gate.
    tokio::time::pause();
    let guard = fixture.slicelet.own("a").unwrap().within(Duration::from_millis(20));
    let doubt = soon(guard.update(|_| Ok::<_, Status>(1))).await.unwrap_err();
    assert!(matches!(doubt, WriteError::InDoubt { .. }), "{doubt}");
    assert_eq!(Status::from(doubt).code(), Code::Unknown);
    fixture.writes.open();
    assert_eq!(fixture.add("a", 1).await.unwrap(), 2, "the write took effect after all");
}

#[tokio::test]
async fn a_lost_reply_leaves_update_in_doubt_and_once_with_an_answer() {
    let folder = TempDir::new().unwrap();
    let store = Store::folder(folder.path()).await.unwrap();
    let silent = FaultyStore::below("numbers/", StoreFault::LosesReplies).decorate(&store);
    let (fixture, _session) = SliceletFixture::owning_as(|builder| numbers(builder).writable().store(silent)).await;
    let doubt = fixture.add("a", 5).await.unwrap_err();
    assert!(matches!(doubt, WriteError::InDoubt { .. }), "{doubt}");
    assert_eq!(fixture.get("a").await.unwrap(), 5, "a value in doubt is read again");
    assert_eq!(
        fixture.add_once("a", "r1", 2).await.unwrap(),
        7,
        "the write took effect once"
    );
    assert_eq!(fixture.add_once("a", "r1", 2).await.unwrap(), 7);
}

#[tokio::test]
async fn a_removed_value_is_gone_but_its_answered_requests_are_not() {
    let (fixture, _session) = SliceletFixture::writing().await;
    fixture.add_once("a", "r1", 5).await.unwrap();
    let guard = fixture.slicelet.own("a").unwrap();
    assert!(soon(guard.remove()).await.unwrap());
    assert!(!soon(guard.remove()).await.unwrap());
    assert!(matches!(fixture.get("a").await, Err(GetError::NotFound)));

    let (fixture, _session) = fixture.restarted(|builder, _| numbers(builder).writable()).await;
    assert!(matches!(fixture.get("a").await, Err(GetError::NotFound)));
    assert_eq!(fixture.add_once("a", "r1", 5).await.unwrap(), 5);
    assert!(
        matches!(fixture.get("a").await, Err(GetError::NotFound)),
        "the request took effect before the removal"
    );
    assert_eq!(fixture.add("a", 1).await.unwrap(), 1);
}

#[tokio::test]
async fn update_each_changes_each_key_on_its_own() {
    let (fixture, _session) = SliceletFixture::writing().await;
    fixture.put("b", "not a number").await;
    let outcomes = soon(fixture.slicelet.update_each(["a", "b", "c"], |key, present| {
        Ok::<_, Infallible>(present.copied().unwrap_or(0) + u64::from(key.as_bytes()[0]))
    }))
    .await;
    let sums: Vec<_> = outcomes
        .into_iter()
        .map(|(key, outcome)| (key, outcome.ok().map(|sum| *sum)))
        .collect();
    assert_eq!(sums, [("a", Some(97)), ("b", None), ("c", Some(99))]);
}

#[tokio::test]
async fn a_read_only_slicelet_rejects_writes() {
    let (fixture, _session) = SliceletFixture::owning().await;
    let error = fixture.add("a", 1).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "this slicelet is read-only: start it with Builder::writable"
    );
    assert_eq!(fixture.object("a").await, None);
}

#[tokio::test]
async fn a_store_without_conditional_writes_is_rejected_at_the_start() {
    let folder = TempDir::new().unwrap();
    let store = Store::folder(folder.path()).await.unwrap();
    let unconditional = FaultyStore::below("", StoreFault::IgnoresConditions).decorate(&store);
    let builder = Slicelet::builder("numbers")
        .assigner("http://127.0.0.1:1")
        .advertise("127.0.0.1:1")
        .store(unconditional)
        .drain_on_sigterm(false)
        .writable();
    let error = builder.start().await.unwrap_err();
    assert!(matches!(error, SliceletError::Store(_)), "{error}");
    assert!(
        error.to_string().contains("does not honour conditional writes"),
        "{error}"
    );
}
