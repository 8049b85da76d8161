//! Which values are kept, how long they stay fresh, and what survives a restart.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use emberkeep_slicelet::{Builder, ByteSize, Freshness, GetError, Json, Raw, Stats};
use emberkeep_store::{Expect, ObjectName};
use emberkeep_testkit::assignment::{halves, serving};
use emberkeep_testkit::deadline::soon;
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Code, Status};

use crate::slicelet_fixture::{SliceletFixture, key_of_half, numbers, other_pod};

/// Reads that the store received, and the conditional ones among them.
fn reads(stats: &Stats) -> (u64, u64) {
    (stats.store_read_count, stats.revalidation_count)
}

#[tokio::test]
async fn a_value_is_revalidated_when_its_owners_have_changed_and_moves_no_bytes_if_it_is_the_same() {
    let (fixture, session) = SliceletFixture::owning().await;
    fixture.put("a", "7").await;
    assert_eq!(fixture.get("a").await.unwrap(), 7);
    fixture
        .assign_all(&session, serving([fixture.pod(), &other_pod()]))
        .await;
    assert_eq!(fixture.get("a").await.unwrap(), 7);
    assert_eq!(reads(&fixture.slicelet.stats()), (2, 1));
    assert_eq!(fixture.slicelet.stats().store_read_size, ByteSize::bytes(1));

    let third = halves(&*fixture.applied(2).await, fixture.pod(), fixture.pod());
    fixture.put("a", "8").await;
    session.send_assignment(&third).await;
    fixture.applied(3).await;
    assert_eq!(fixture.get("a").await.unwrap(), 8, "the other pod wrote it");
    assert_eq!(reads(&fixture.slicelet.stats()), (3, 2));
}

#[tokio::test]
async fn immutable_values_are_never_revalidated() {
    let immutable = |builder| numbers(builder).freshness(Freshness::Immutable);
    let (fixture, session) = SliceletFixture::owning_as(immutable).await;
    fixture.put("a", "7").await;
    fixture.get("a").await.unwrap();
    fixture
        .assign_all(&session, serving([fixture.pod(), &other_pod()]))
        .await;
    assert_eq!(fixture.get("a").await.unwrap(), 7);
    assert_eq!(reads(&fixture.slicelet.stats()), (1, 0));
}

#[tokio::test]
async fn a_value_that_another_program_wrote_is_seen_after_the_revalidation_interval() {
    let revalidated = |builder| numbers(builder).freshness(Freshness::RevalidateAfter(Duration::from_millis(1)));
    let (fixture, _session) = SliceletFixture::owning_as(revalidated).await;
    fixture.put("a", "7").await;
    assert_eq!(fixture.get("a").await.unwrap(), 7);
    fixture.put("a", "8").await;
    let seen = async {
        while fixture.get("a").await.unwrap() == 7 {
            tokio::task::yield_now().await;
        }
    };
    soon(seen).await;
    assert!(fixture.slicelet.stats().revalidation_count >= 1);
}

#[tokio::test]
async fn concurrent_requests_share_one_revalidation() {
    let (fixture, session) = SliceletFixture::owning().await;
    fixture.put("a", "7").await;
    fixture.get("a").await.unwrap();
    fixture
        .assign_all(&session, serving([fixture.pod(), &other_pod()]))
        .await;
    let answers = fixture.get_concurrently("a", 50).await;
    assert!(answers.iter().all(|answer| matches!(answer, Ok(7))));
    assert_eq!(reads(&fixture.slicelet.stats()), (2, 1));
}

/// Raw bytes, with a disk cache and little memory.
fn on_disk(builder: Builder, folder: &Path) -> Builder<Raw> {
    let builder = builder.disk_cache(folder.join("cache"), ByteSize::mib(256));
    builder.memory_budget(ByteSize::mib(1))
}

/// 40 values of 60 KiB: more than fits into memory.
fn large_values() -> impl Iterator<Item = (String, Bytes)> {
    (0..40_u8).map(|number| (format!("large-{number}"), Bytes::from(vec![number; 60 << 10])))
}

impl SliceletFixture<Raw> {
    async fn assert_has_large_values(&self) {
        for (key, bytes) in large_values() {
            let guard = self.slicelet.own(&key).unwrap();
            assert!(*soon(guard.get()).await.unwrap() == bytes, "{key}");
        }
    }
}

#[tokio::test]
async fn values_that_do_not_fit_into_memory_are_found_on_disk_without_the_store() {
    let (fixture, _session) = SliceletFixture::owning().await;
    for (key, bytes) in large_values() {
        fixture.put(&key, bytes).await;
    }
    let (fixture, _session) = fixture.restarted(on_disk).await;
    fixture.assert_has_large_values().await;
    fixture.assert_has_large_values().await;
    let stats = fixture.slicelet.stats();
    assert_eq!(reads(&stats), (40, 0));
    assert!(stats.disk_hit_count >= 20, "{} from disk", stats.disk_hit_count);
    assert!(stats.warm_size <= ByteSize::mib(1));
}

#[tokio::test]
async fn after_a_restart_immutable_values_are_there_and_others_are_revalidated() {
    let (fixture, _session) = SliceletFixture::owning().await;
    for (key, bytes) in large_values() {
        fixture.put(&key, bytes).await;
    }
    let immutable = |builder, folder: &Path| on_disk(builder, folder).freshness(Freshness::Immutable);
    let (fixture, _session) = fixture.restarted(immutable).await;
    fixture.assert_has_large_values().await;
    let (fixture, _session) = fixture.restarted(immutable).await;
    fixture.assert_has_large_values().await;
    let stats = fixture.slicelet.stats();
    assert_eq!((stats.disk_hit_count, reads(&stats)), (40, (0, 0)));

    let (fixture, _session) = fixture.restarted(on_disk).await;
    fixture.assert_has_large_values().await;
    let stats = fixture.slicelet.stats();
    assert_eq!((reads(&stats), stats.store_read_size), ((40, 40), ByteSize::bytes(0)));
}

#[tokio::test]
async fn a_value_written_before_a_restart_is_revalidated() {
    let (fixture, _session) = SliceletFixture::owning().await;
    let writable = |builder, folder: &Path| on_disk(builder, folder).writable();
    let (fixture, _session) = fixture.restarted(writable).await;
    let guard = fixture.slicelet.own("a").unwrap();
    soon(guard.update(|_| Ok::<_, Status>(Bytes::from_static(b"mine"))))
        .await
        .unwrap();
    drop(guard);
    fixture.put("a", "another pod's").await;
    let (fixture, _session) = fixture.restarted(writable).await;
    let guard = fixture.slicelet.own("a").unwrap();
    assert_eq!(*soon(guard.get()).await.unwrap(), "another pod's");
}

#[tokio::test]
async fn a_plain_object_is_fetched_once_by_its_path_and_dropped_with_its_key() {
    let (fixture, session) = SliceletFixture::owning().await;
    let path = ObjectName::new("datasets/2026/cities.json").unwrap();
    fixture.store.put(&path, "[1,2]".into(), Expect::Absent).await.unwrap();
    let key = key_of_half(true);
    let guard = fixture.slicelet.own(&key).unwrap();
    for _ in 0..2 {
        assert_eq!(soon(guard.get_or_fetch(path.as_str())).await.unwrap(), "[1,2]");
    }
    assert_eq!(fixture.slicelet.stats().store_read_count, 1);
    let decoded = soon(guard.get_or_fetch_as(path.as_str(), Json::<Vec<u8>>::default())).await;
    assert_eq!(*decoded.unwrap(), [1, 2], "another codec may decode the same object");
    assert!(matches!(
        soon(guard.get_or_fetch("nowhere")).await,
        Err(GetError::NotFound)
    ));
    let rejected = soon(guard.get_or_fetch("../secrets")).await.unwrap_err();
    assert!(
        rejected.to_string().contains("has a segment that begins with a dot"),
        "{rejected}"
    );

    fixture.move_upper_half_away(&session).await;
    let dropped = async {
        while fixture.slicelet.stats().warm_key_count > 0 {
            tokio::task::yield_now().await;
        }
    };
    soon(dropped).await;
}

#[tokio::test]
async fn prefetch_warms_only_keys_that_the_pod_owns() {
    let (fixture, session) = SliceletFixture::owning().await;
    fixture.move_upper_half_away(&session).await;
    let (mine, others) = (key_of_half(false), key_of_half(true));
    fixture.put(&mine, "7").await;
    assert_eq!(soon(fixture.slicelet.prefetch([&mine, &others])).await, 1);
    let warm = futures::FutureExt::now_or_never(fixture.slicelet.own(&mine).unwrap().get());
    assert_eq!(*warm.expect("the value is warm").unwrap(), 7);
}

#[tokio::test]
async fn the_hottest_keys_are_the_most_requested_ones() {
    let (fixture, _session) = SliceletFixture::owning().await;
    // Heat decays with time, and the keys are requested one after the other.
    tokio::time::pause();
    for (key, count) in [("a", 3), ("b", 9), ("c", 6)] {
        fixture.put(key, "1").await;
        for _ in 0..count {
            fixture.get(key).await.unwrap();
        }
    }
    let hottest = fixture.slicelet.hottest(2);
    let keys: Vec<_> = hottest.iter().map(|hot| hot.key.as_slice()).collect();
    assert_eq!(keys, [b"b", b"c"]);
    assert!(hottest[0].heat > hottest[1].heat);
}

#[tokio::test]
async fn a_request_waits_no_longer_than_its_caller() {
    let (fixture, _session) = SliceletFixture::owning().await;
    fixture.reads.close();
    tokio::time::pause();
    let mut metadata = MetadataMap::new();
    metadata.insert("grpc-timeout", MetadataValue::from_static("30m"));
    let guard = fixture.slicelet.own("a").unwrap().until_deadline_of(&metadata);
    let error = soon(guard.get()).await.unwrap_err();
    assert!(matches!(error, GetError::TooSlow { .. }), "{error}");
    assert_eq!(Status::from(error).code(), Code::DeadlineExceeded);
}

#[tokio::test]
async fn a_request_that_the_store_has_no_slot_for_fails_with_a_retry_delay() {
    let (fixture, _session) = SliceletFixture::owning_as(|builder| numbers(builder).load_concurrency(1)).await;
    fixture.reads.close();
    tokio::time::pause();
    let first = fixture.slicelet.own("a").unwrap();
    let mut loads = Box::pin(first.get());
    assert!(futures::poll!(&mut loads).is_pending());
    let second = fixture.slicelet.own("b").unwrap().within(Duration::from_millis(30));
    let error = soon(second.get()).await.unwrap_err();
    assert!(matches!(error, GetError::Overloaded(_)), "{error}");
    let status = Status::from(error);
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert!(status.metadata().contains_key("grpc-retry-pushback-ms"));
}
