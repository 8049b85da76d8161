//! Reading values: from the store once, then from memory.

use emberkeep_slicelet::GetError;
use emberkeep_testkit::deadline::soon;
use tonic::{Code, Status};

use crate::slicelet_fixture::SliceletFixture;

#[tokio::test]
async fn a_value_is_read_from_the_store_once() {
    let (fixture, _session) = SliceletFixture::owning().await;
    fixture.put("a", "7").await;
    assert_eq!(fixture.get("a").await.unwrap(), 7);
    assert_eq!(fixture.get("a").await.unwrap(), 7);
    let stats = fixture.slicelet.stats();
    assert_eq!(
        (stats.request_count, stats.hit_count, stats.store_read_count),
        (2, 1, 1)
    );
    assert_eq!((stats.warm_key_count, stats.store_read_size.as_bytes()), (1, 1));
}

#[tokio::test]
async fn a_warm_value_is_returned_without_waiting() {
    let (fixture, _session) = SliceletFixture::owning().await;
    fixture.put("a", "7").await;
    fixture.get("a").await.unwrap();
    let guard = fixture.slicelet.own("a").unwrap();
    let value = futures::FutureExt::now_or_never(guard.get());
    assert_eq!(*value.expect("the value is warm").unwrap(), 7);
}

#[tokio::test]
async fn a_hundred_concurrent_misses_make_one_read() {
    let (fixture, _session) = SliceletFixture::owning().await;
    fixture.put("a", "7").await;
    let answers = fixture.get_concurrently("a", 100).await;
    assert!(answers.iter().all(|answer| matches!(answer, Ok(7))));
    assert_eq!(fixture.slicelet.stats().store_read_count, 1);
}

#[tokio::test]
async fn a_cancelled_request_leaves_its_load_to_the_next() {
    let (fixture, _session) = SliceletFixture::owning().await;
    fixture.put("a", "7").await;
    fixture.reads.close();
    let mut cancelled = Box::pin(fixture.get("a"));
    assert!(futures::poll!(&mut cancelled).is_pending());
    let mut next = Box::pin(fixture.get("a"));
    assert!(futures::poll!(&mut next).is_pending());
    drop(cancelled);
    fixture.reads.open();
    assert_eq!(soon(next).await.unwrap(), 7);
}

#[tokio::test]
async fn a_missing_object_is_cached_as_missing() {
    let (fixture, _session) = SliceletFixture::owning().await;
    // The negative entry expires after 1 s; with time paused, a slow machine cannot exceed that.
    tokio::time::pause();
    for _ in 0..2 {
        assert!(matches!(fixture.get("nobody").await, Err(GetError::NotFound)));
    }
    let stats = fixture.slicelet.stats();
    assert_eq!((stats.store_read_count, stats.missing_hit_count), (1, 1));
    let status = Status::from(fixture.get("nobody").await.unwrap_err());
    assert_eq!(status.code(), Code::NotFound);
}

#[tokio::test]
async fn a_failed_load_fails_all_waiting_requests_and_is_not_remembered() {
    let (fixture, _session) = SliceletFixture::owning().await;
    fixture.put("a", "not a number").await;
    let answers = fixture.get_concurrently("a", 10).await;
    assert!(
        answers
            .iter()
            .all(|answer| matches!(answer, Err(GetError::Undecodable { .. })))
    );
    assert_eq!(fixture.slicelet.stats().store_read_count, 1);
    fixture.put("a", "8").await;
    assert_eq!(fixture.get("a").await.unwrap(), 8);
}
