//! Writing: what is acknowledged is durable, once, and never over what another pod wrote.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use emberkeep_core::assignment::{Assignment, Phase, Proposal, ReplicaSet};
use emberkeep_core::keyspace::SliceMap;
use emberkeep_slicelet::{GetError, NotOwner, Slicelet, SliceletError, Store, WriteError};
use emberkeep_store::Read;
use futures::future::join_all;
use tempfile::TempDir;
use tonic::{Code, Status};

use crate::odd_store::{Habit, OddStore};
use crate::scripted::{halves, other_pod, soon};
use crate::world::{World, key_of_half, name_of, numbers};

type Written<T> = Result<T, WriteError<Infallible>>;

impl World {
    async fn add(&self, key: &str, amount: u64) -> Written<u64> {
        let guard = self.slicelet.own(key)?;
        let written = soon(guard.update(|present| Ok(present.copied().unwrap_or(0) + amount))).await?;
        Ok(*written)
    }

    /// Adds once for each request id; answers what came of it then.
    async fn add_once(&self, key: &str, request_id: &str, amount: u64) -> Written<u64> {
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

/// What the store holds for a key.
async fn object(store: &Store, key: &str) -> Option<String> {
    match store.get(&name_of(key), None).await.unwrap() {
        Read::Found(object) => Some(String::from_utf8_lossy(&object.bytes).into_owned()),
        Read::Missing | Read::NotModified => None,
    }
}

#[tokio::test]
async fn an_update_is_durable_before_anyone_sees_it() {
    let (world, _session) = World::writing().await;
    world.put("a", "7").await;
    assert_eq!(world.get("a").await.unwrap(), 7);
    world.writes.shut();
    let mut update = Box::pin(world.add("a", 1));
    assert!(futures::poll!(&mut update).is_pending());
    assert_eq!(world.get("a").await.unwrap(), 7, "it is not written yet");
    world.writes.open();
    assert_eq!(update.await.unwrap(), 8);
    assert_eq!(world.get("a").await.unwrap(), 8);
    assert_eq!(
        world.object("a").await.as_deref(),
        Some("8"),
        "a value alone is its own object"
    );
    assert_eq!(world.slicelet.stats().store_read_count, 1);
}

#[tokio::test]
async fn a_value_that_is_not_there_is_made() {
    let (world, _session) = World::writing().await;
    assert_eq!(world.add("a", 5).await.unwrap(), 5);
    assert_eq!(world.get("a").await.unwrap(), 5);
}

#[tokio::test]
async fn updates_of_one_key_run_one_after_the_other() {
    let (world, _session) = World::writing().await;
    let sums = join_all((0..20).map(|_| world.add("a", 1))).await;
    let mut sums: Vec<_> = sums.into_iter().map(Result::unwrap).collect();
    sums.sort_unstable();
    assert_eq!(sums, (1..=20).collect::<Vec<_>>());
    assert_eq!(world.slicelet.stats().write_conflict_count, 0);
}

#[tokio::test]
async fn what_another_pod_wrote_is_never_written_over() {
    let (world, _session) = World::writing().await;
    world.put("a", "1").await;
    world.get("a").await.unwrap();
    world.put("a", "100").await;
    assert_eq!(world.add("a", 1).await.unwrap(), 101);
    assert_eq!(world.slicelet.stats().write_conflict_count, 1);
    assert_eq!(world.get("a").await.unwrap(), 101);
}

#[tokio::test]
async fn one_who_is_beaten_again_and_again_gives_up_and_has_written_nothing() {
    let folder = TempDir::new().unwrap();
    let store = Store::folder(folder.path()).await.unwrap();
    let beaten = OddStore::open(&store, Habit::IsBeaten);
    let (world, _session) = World::owning_as(|builder| numbers(builder).writable().store(beaten)).await;
    let error = world.add("a", 5).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the write conflicted with writes of other pods 16 times in a row"
    );
    let object = object(&store, "a").await.unwrap();
    assert_eq!(object, format!("1{}", "0".repeat(15)), "it is what others made of it");
}

#[tokio::test]
async fn a_change_that_is_refused_changes_nothing() {
    let (world, _session) = World::writing().await;
    world.put("a", "7").await;
    let guard = world.slicelet.own("a").unwrap();
    let refused = soon(guard.update(|_| Err(Status::failed_precondition("too much")))).await;
    let status = Status::from(refused.unwrap_err());
    assert_eq!(
        (status.code(), status.message()),
        (Code::FailedPrecondition, "too much")
    );
    assert_eq!(world.object("a").await.as_deref(), Some("7"));
    assert_eq!(world.add("a", 1).await.unwrap(), 8, "the key is free again");
}

#[tokio::test]
async fn a_repeated_request_has_its_effect_once_and_gets_the_first_answer() {
    let (world, _session) = World::writing().await;
    assert_eq!(world.add_once("a", "r1", 5).await.unwrap(), 5);
    assert_eq!(world.add_once("a", "r2", 1).await.unwrap(), 6);
    assert_eq!(world.add_once("a", "r1", 5).await.unwrap(), 5);
    assert_eq!(world.get("a").await.unwrap(), 6);
    assert_eq!(world.slicelet.stats().deduplicated_request_count, 1);

    let (world, _session) = world.restarted(|builder, _| numbers(builder).writable()).await;
    assert_eq!(
        world.add_once("a", "r2", 1).await.unwrap(),
        6,
        "another process remembers"
    );
    assert_eq!(world.get("a").await.unwrap(), 6);
}

#[tokio::test]
async fn requests_repeated_at_the_same_time_have_one_effect() {
    let (world, _session) = World::writing().await;
    let answers = join_all((0..16).map(|_| world.add_once("a", "r1", 5))).await;
    assert!(answers.into_iter().all(|answer| matches!(answer, Ok(5))));
    assert_eq!(world.get("a").await.unwrap(), 5);
    assert_eq!(world.slicelet.stats().store_write_count, 1);
}

#[tokio::test]
async fn what_is_remembered_is_bounded() {
    let remembers = |builder| {
        let builder = numbers(builder).writable();
        builder.remember_requests(2, Duration::from_secs(60))
    };
    let (world, _session) = World::owning_as(remembers).await;
    for id in ["r1", "r2", "r3"] {
        world.add_once("a", id, 1).await.unwrap();
    }
    assert_eq!(world.add_once("a", "r3", 1).await.unwrap(), 3);
    assert_eq!(world.add_once("a", "r1", 1).await.unwrap(), 4, "it was too long ago");
    let error = world.add_once("a", "", 1).await.unwrap_err();
    assert_eq!(error.to_string(), "request id has 0 bytes, allowed are 1 to 128");
}

#[tokio::test]
async fn one_who_does_not_own_the_key_any_more_writes_nothing() {
    let (world, session) = World::writing().await;
    let key = key_of_half(true);
    world.put(&key, "7").await;
    let guard = world.slicelet.own(&key).unwrap();
    let first = world.reaches(1).await;
    session.tell_full(&halves(&first, world.me(), &other_pod())).await;
    world.reaches(2).await;
    let lost = soon(guard.update(|_| Ok::<_, Status>(8))).await.unwrap_err();
    let not_owner = NotOwner::from_status(&Status::from(lost)).unwrap();
    assert_eq!(not_owner.owner, Some(other_pod()));
    assert_eq!(world.object(&key).await.as_deref(), Some("7"));
}

#[tokio::test]
async fn one_who_loses_the_key_while_it_loads_writes_nothing() {
    let (world, session) = World::writing().await;
    let key = key_of_half(true);
    world.put(&key, "7").await;
    world.reads.shut();
    let guard = world.slicelet.own(&key).unwrap();
    let mut update = Box::pin(guard.update(|_| Ok::<_, Infallible>(8)));
    assert!(futures::poll!(&mut update).is_pending());
    let first = world.reaches(1).await;
    session.tell_full(&halves(&first, world.me(), &other_pod())).await;
    world.reaches(2).await;
    world.reads.open();
    let lost = soon(update).await.unwrap_err();
    assert!(matches!(lost, WriteError::NotOwner(_)), "{lost}");
    assert_eq!(world.object(&key).await.as_deref(), Some("7"));
}

#[tokio::test]
async fn a_pod_that_is_leaving_answers_but_does_not_write() {
    let (world, session) = World::writing().await;
    world.put("a", "7").await;
    let leaving = leaving(&world, &*world.reaches(1).await);
    session.tell_full(&leaving).await;
    world.reaches(2).await;
    assert_eq!(world.get("a").await.unwrap(), 7);
    let refused = world.add("a", 1).await.unwrap_err();
    assert!(matches!(refused, WriteError::NotOwner(_)), "{refused}");
    assert_eq!(world.object("a").await.as_deref(), Some("7"));
}

/// The pod leaves all slices to another one.
fn leaving(world: &World, before: &Assignment) -> Arc<Assignment> {
    let mut pods = vec![world.me().clone(), other_pod()];
    pods.sort();
    let at = |pod| pods.iter().position(|other| other == pod).unwrap().into();
    let mut replicas = ReplicaSet::none();
    replicas.set(at(world.me()), Phase::Leaving);
    replicas.set(at(&other_pod()), Phase::Serving);
    let slices = SliceMap::full(replicas);
    Arc::new(Proposal { pods, slices }.after(before).unwrap())
}

#[tokio::test]
async fn a_write_that_is_sent_is_brought_to_its_end_whoever_gives_up() {
    let (world, _session) = World::writing().await;
    world.put("a", "7").await;
    world.get("a").await.unwrap();
    world.writes.shut();
    let mut gives_up = Box::pin(world.add("a", 1));
    assert!(futures::poll!(&mut gives_up).is_pending());
    tokio::task::yield_now().await;
    drop(gives_up);
    let mut next = Box::pin(world.add("a", 10));
    assert!(futures::poll!(&mut next).is_pending());
    world.writes.open();
    assert_eq!(next.await.unwrap(), 18, "it came after the one that was given up");
    assert_eq!(world.slicelet.stats().write_conflict_count, 0);
}

#[tokio::test]
async fn one_whose_time_is_over_while_it_writes_is_in_doubt() {
    let (world, _session) = World::writing().await;
    world.writes.shut();
    let guard = world.slicelet.own("a").unwrap().within(Duration::from_millis(20));
    let doubt = soon(guard.update(|_| Ok::<_, Status>(1))).await.unwrap_err();
    assert!(matches!(doubt, WriteError::InDoubt { .. }), "{doubt}");
    assert_eq!(Status::from(doubt).code(), Code::Unknown);
    world.writes.open();
    assert_eq!(world.add("a", 1).await.unwrap(), 2, "it was written after all");
}

#[tokio::test]
async fn of_a_reply_that_is_lost_update_says_so_and_once_finds_out() {
    let folder = TempDir::new().unwrap();
    let store = Store::folder(folder.path()).await.unwrap();
    let silent = OddStore::open(&store, Habit::FallsSilent);
    let (world, _session) = World::owning_as(|builder| numbers(builder).writable().store(silent)).await;
    let doubt = world.add("a", 5).await.unwrap_err();
    assert!(matches!(doubt, WriteError::InDoubt { .. }), "{doubt}");
    assert_eq!(world.get("a").await.unwrap(), 5, "it is read anew");
    assert_eq!(
        world.add_once("a", "r1", 2).await.unwrap(),
        7,
        "it had been written, and only once"
    );
    assert_eq!(world.add_once("a", "r1", 2).await.unwrap(), 7);
}

#[tokio::test]
async fn what_is_removed_is_gone_but_not_what_was_answered() {
    let (world, _session) = World::writing().await;
    world.add_once("a", "r1", 5).await.unwrap();
    let guard = world.slicelet.own("a").unwrap();
    assert!(soon(guard.remove()).await.unwrap());
    assert!(!soon(guard.remove()).await.unwrap());
    assert!(matches!(world.get("a").await, Err(GetError::NotFound)));

    let (world, _session) = world.restarted(|builder, _| numbers(builder).writable()).await;
    assert!(matches!(world.get("a").await, Err(GetError::NotFound)));
    assert_eq!(world.add_once("a", "r1", 5).await.unwrap(), 5);
    assert!(
        matches!(world.get("a").await, Err(GetError::NotFound)),
        "it had its effect before"
    );
    assert_eq!(world.add("a", 1).await.unwrap(), 1);
}

#[tokio::test]
async fn many_keys_are_changed_each_on_its_own() {
    let (world, _session) = World::writing().await;
    world.put("b", "not a number").await;
    let outcomes = soon(world.slicelet.update_each(["a", "b", "c"], |key, present| {
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
async fn a_slicelet_that_was_not_started_to_write_says_so() {
    let (world, _session) = World::owning().await;
    let error = world.add("a", 1).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "this slicelet is read-only: start it with Builder::writable"
    );
    assert_eq!(world.object("a").await, None);
}

#[tokio::test]
async fn a_store_that_does_not_keep_writers_apart_is_refused_at_the_start() {
    let folder = TempDir::new().unwrap();
    let store = Store::folder(folder.path()).await.unwrap();
    let careless = OddStore::open(&store, Habit::IgnoresConditions);
    let builder = Slicelet::builder("numbers")
        .assigner("http://127.0.0.1:1")
        .advertise("127.0.0.1:1")
        .store(careless)
        .drain_on_sigterm(false)
        .writable();
    let error = builder.start().await.unwrap_err();
    assert!(matches!(error, SliceletError::Store(_)), "{error}");
    assert!(
        error.to_string().contains("does not honour conditional writes"),
        "{error}"
    );
}
