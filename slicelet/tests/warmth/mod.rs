//! What is kept, for how long it counts, and what survives a restart.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use emberkeep_core::assignment::{Assignment, Phase, Proposal, ReplicaSet};
use emberkeep_core::keyspace::SliceMap;
use emberkeep_slicelet::{Builder, ByteSize, Freshness, GetError, Json, Raw, Stats};
use emberkeep_store::{Expect, ObjectName};
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Code, Status};

use crate::scripted::{halves, other_pod, soon};
use crate::world::{World, key_of_half, numbers};

/// Reads of the store, and how many of them were checks.
fn reads(stats: &Stats) -> (u64, u64) {
    (stats.store_read_count, stats.revalidation_count)
}

/// Both pods serve all slices.
fn shared(world: &World, before: &Assignment) -> Arc<Assignment> {
    let mut pods = vec![world.me().clone(), other_pod()];
    pods.sort();
    let mut replicas = ReplicaSet::none();
    (0..pods.len()).for_each(|at| replicas.set(at.into(), Phase::Serving));
    let slices = SliceMap::full(replicas);
    Arc::new(Proposal { pods, slices }.after(before).unwrap())
}

#[tokio::test]
async fn a_value_is_checked_when_its_owners_have_changed_and_moves_no_bytes_if_it_is_the_same() {
    let (world, session) = World::owning().await;
    world.put("a", "7").await;
    assert_eq!(world.get("a").await.unwrap(), 7);
    session.tell_full(&shared(&world, &*world.reaches(1).await)).await;
    world.reaches(2).await;
    assert_eq!(world.get("a").await.unwrap(), 7);
    assert_eq!(reads(&world.slicelet.stats()), (2, 1));
    assert_eq!(world.slicelet.stats().store_read_size, ByteSize::bytes(1));

    let third = halves(&*world.reaches(2).await, world.me(), world.me());
    world.put("a", "8").await;
    session.tell_full(&third).await;
    world.reaches(3).await;
    assert_eq!(world.get("a").await.unwrap(), 8, "the other pod wrote it");
    assert_eq!(reads(&world.slicelet.stats()), (3, 2));
}

#[tokio::test]
async fn what_never_changes_is_never_checked() {
    let immutable = |builder| numbers(builder).freshness(Freshness::Immutable);
    let (world, session) = World::owning_as(immutable).await;
    world.put("a", "7").await;
    world.get("a").await.unwrap();
    session.tell_full(&shared(&world, &*world.reaches(1).await)).await;
    world.reaches(2).await;
    assert_eq!(world.get("a").await.unwrap(), 7);
    assert_eq!(reads(&world.slicelet.stats()), (1, 0));
}

#[tokio::test]
async fn what_others_write_is_seen_once_it_is_too_old() {
    let revalidated = |builder| numbers(builder).freshness(Freshness::RevalidateAfter(Duration::from_millis(1)));
    let (world, _session) = World::owning_as(revalidated).await;
    world.put("a", "7").await;
    assert_eq!(world.get("a").await.unwrap(), 7);
    world.put("a", "8").await;
    let sees = async {
        while world.get("a").await.unwrap() == 7 {
            tokio::task::yield_now().await;
        }
    };
    soon(sees).await;
    assert!(world.slicelet.stats().revalidation_count >= 1);
}

#[tokio::test]
async fn all_who_find_a_value_too_old_share_one_check() {
    let (world, session) = World::owning().await;
    world.put("a", "7").await;
    world.get("a").await.unwrap();
    session.tell_full(&shared(&world, &*world.reaches(1).await)).await;
    world.reaches(2).await;
    world.reads.shut();
    let answers = world.ask_together("a", 50).await;
    assert!(answers.iter().all(|answer| matches!(answer, Ok(7))));
    assert_eq!(reads(&world.slicelet.stats()), (2, 1));
}

/// Bytes as they are, with a disk, and little memory.
fn on_disk(builder: Builder, folder: &Path) -> Builder<Raw> {
    let builder = builder.disk_cache(folder.join("cache"), ByteSize::mib(256));
    builder.memory_budget(ByteSize::mib(1))
}

/// More than memory has room for: 40 values of 60 KiB.
fn large_values() -> impl Iterator<Item = (String, Bytes)> {
    (0..40_u8).map(|number| (format!("large-{number}"), Bytes::from(vec![number; 60 << 10])))
}

impl World<Raw> {
    async fn assert_has_large_values(&self) {
        for (key, bytes) in large_values() {
            let guard = self.slicelet.own(&key).unwrap();
            assert!(*soon(guard.get()).await.unwrap() == bytes, "{key}");
        }
    }
}

#[tokio::test]
async fn what_memory_has_no_room_for_is_found_on_disk_without_the_store() {
    let (world, _session) = World::owning().await;
    for (key, bytes) in large_values() {
        world.put(&key, bytes).await;
    }
    let (world, _session) = world.restarted(on_disk).await;
    world.assert_has_large_values().await;
    world.assert_has_large_values().await;
    let stats = world.slicelet.stats();
    assert_eq!(reads(&stats), (40, 0));
    assert!(stats.disk_hit_count >= 20, "{} from disk", stats.disk_hit_count);
    assert!(stats.warm_size <= ByteSize::mib(1));
}

#[tokio::test]
async fn after_a_restart_what_never_changes_is_there_and_all_else_is_checked() {
    let (world, _session) = World::owning().await;
    for (key, bytes) in large_values() {
        world.put(&key, bytes).await;
    }
    let immutable = |builder, folder: &Path| on_disk(builder, folder).freshness(Freshness::Immutable);
    let (world, _session) = world.restarted(immutable).await;
    world.assert_has_large_values().await;
    let (world, _session) = world.restarted(immutable).await;
    world.assert_has_large_values().await;
    let stats = world.slicelet.stats();
    assert_eq!((stats.disk_hit_count, reads(&stats)), (40, (0, 0)));

    let (world, _session) = world.restarted(on_disk).await;
    world.assert_has_large_values().await;
    let stats = world.slicelet.stats();
    assert_eq!((reads(&stats), stats.store_read_size), ((40, 40), ByteSize::bytes(0)));
}

#[tokio::test]
async fn what_was_written_before_a_restart_is_never_taken_for_the_newest() {
    let (world, _session) = World::owning().await;
    let kept = |builder, folder: &Path| on_disk(builder, folder).writable();
    let (world, _session) = world.restarted(kept).await;
    let guard = world.slicelet.own("a").unwrap();
    soon(guard.update(|_| Ok::<_, Status>(Bytes::from_static(b"mine"))))
        .await
        .unwrap();
    drop(guard);
    world.put("a", "another pod's").await;
    let (world, _session) = world.restarted(kept).await;
    let guard = world.slicelet.own("a").unwrap();
    assert_eq!(*soon(guard.get()).await.unwrap(), "another pod's");
}

#[tokio::test]
async fn a_plain_object_is_fetched_once_by_its_path_and_kept_with_the_key() {
    let (world, session) = World::owning().await;
    let path = ObjectName::new("datasets/2026/cities.json").unwrap();
    world.store.put(&path, "[1,2]".into(), Expect::Absent).await.unwrap();
    let key = key_of_half(true);
    let guard = world.slicelet.own(&key).unwrap();
    for _ in 0..2 {
        assert_eq!(soon(guard.get_or_fetch(path.as_str())).await.unwrap(), "[1,2]");
    }
    assert_eq!(world.slicelet.stats().store_read_count, 1);
    let decoded = soon(guard.get_or_fetch_as(path.as_str(), Json::<Vec<u8>>::default())).await;
    assert_eq!(*decoded.unwrap(), [1, 2], "it may be wanted as something else");
    assert!(matches!(
        soon(guard.get_or_fetch("nowhere")).await,
        Err(GetError::NotFound)
    ));
    let odd = soon(guard.get_or_fetch("../secrets")).await.unwrap_err();
    assert!(
        odd.to_string().contains("has a segment that begins with a dot"),
        "{odd}"
    );

    let first = world.reaches(1).await;
    session.tell_full(&halves(&first, world.me(), &other_pod())).await;
    world.reaches(2).await;
    let is_forgotten = async {
        while world.slicelet.stats().warm_key_count > 0 {
            tokio::task::yield_now().await;
        }
    };
    soon(is_forgotten).await;
}

#[tokio::test]
async fn what_is_prefetched_is_warm_and_nobody_elses_keys_are() {
    let (world, session) = World::owning().await;
    let first = world.reaches(1).await;
    session.tell_full(&halves(&first, world.me(), &other_pod())).await;
    world.reaches(2).await;
    let (mine, others) = (key_of_half(false), key_of_half(true));
    world.put(&mine, "7").await;
    assert_eq!(soon(world.slicelet.prefetch([&mine, &others])).await, 1);
    let warm = futures::FutureExt::now_or_never(world.slicelet.own(&mine).unwrap().get());
    assert_eq!(*warm.expect("it is warm").unwrap(), 7);
}

#[tokio::test]
async fn the_hottest_keys_are_those_that_are_asked_for_most() {
    let (world, _session) = World::owning().await;
    for (key, count) in [("a", 3), ("b", 9), ("c", 6)] {
        world.put(key, "1").await;
        for _ in 0..count {
            world.get(key).await.unwrap();
        }
    }
    let hottest = world.slicelet.hottest(2);
    let keys: Vec<_> = hottest.iter().map(|hot| hot.key.as_slice()).collect();
    assert_eq!(keys, [b"b", b"c"]);
    assert!(hottest[0].heat > hottest[1].heat);
}

#[tokio::test]
async fn a_request_waits_no_longer_than_its_caller_does() {
    let (world, _session) = World::owning_behind_gate().await;
    let mut metadata = MetadataMap::new();
    metadata.insert("grpc-timeout", MetadataValue::from_static("30m"));
    let guard = world.slicelet.own("a").unwrap().until_deadline_of(&metadata);
    let error = soon(guard.get()).await.unwrap_err();
    assert!(matches!(error, GetError::TooSlow { .. }), "{error}");
    assert_eq!(Status::from(error).code(), Code::DeadlineExceeded);
}

#[tokio::test]
async fn one_for_whom_the_store_has_no_time_is_told_when_to_come_again() {
    let (world, _session) = World::owning_as(|builder| numbers(builder).load_concurrency(1)).await;
    world.reads.shut();
    let first = world.slicelet.own("a").unwrap();
    let mut loads = Box::pin(first.get());
    assert!(futures::poll!(&mut loads).is_pending());
    let second = world.slicelet.own("b").unwrap().within(Duration::from_millis(30));
    let error = soon(second.get()).await.unwrap_err();
    assert!(matches!(error, GetError::Overloaded(_)), "{error}");
    let status = Status::from(error);
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert!(status.metadata().contains_key("grpc-retry-pushback-ms"));
}
