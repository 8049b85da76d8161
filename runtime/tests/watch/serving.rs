//! What a watcher is told.

use emberkeep_core::assignment::Update;
use emberkeep_proto::convert::WatchUpdate;
use emberkeep_proto::pb::{WatchRequest, WatchResponse};
use emberkeep_runtime::watch::{AssignmentSnapshot, WatchLimits};
use tonic::{Code, Streaming};

use crate::cluster::{Source, history, soon};

fn request(known_generation: i64) -> WatchRequest {
    WatchRequest {
        target: "profiles".into(),
        known_generation,
        watcher: "test".into(),
    }
}

async fn next(told: &mut Streaming<WatchResponse>) -> WatchUpdate {
    let response = soon(told.message()).await.unwrap().unwrap();
    WatchUpdate::try_from(response).unwrap()
}

#[tokio::test]
async fn a_watcher_is_told_the_whole_and_then_what_changes() {
    let history = history(6);
    let source = Source::start(Some(history[4].clone())).await;
    let mut told = soon(source.client().watch(request(0))).await.unwrap().into_inner();
    let first = next(&mut told).await;
    assert!(matches!(first.update, Update::Full(_)));
    let mut watcher = AssignmentSnapshot::after(None, first).unwrap();
    for newer in &history[5..] {
        source.publish.send_replace(Some(newer.clone()));
        let change = next(&mut told).await;
        assert!(matches!(change.update, Update::Diff(_)));
        watcher = AssignmentSnapshot::after(watcher.as_ref(), change).unwrap();
        assert_eq!(watcher.as_ref(), Some(newer));
    }
}

#[tokio::test]
async fn a_watcher_that_comes_back_is_told_only_what_it_missed() {
    let history = history(6);
    let source = Source::start(Some(history[6].clone())).await;
    let mut told = soon(source.client().watch(request(4))).await.unwrap().into_inner();
    let missed = next(&mut told).await;
    assert_eq!(
        AssignmentSnapshot::after(Some(&history[4]), missed),
        Ok(Some(history[6].clone()))
    );
}

#[tokio::test]
async fn an_unknown_target_is_not_found() {
    let source = Source::start(None).await;
    let unknown = WatchRequest {
        target: "orders".into(),
        ..request(0)
    };
    let status = soon(source.client().watch(unknown)).await.unwrap_err();
    assert_eq!(
        (status.code(), status.message()),
        (Code::NotFound, "there is no target orders here")
    );
}

#[tokio::test]
async fn a_source_that_holds_nothing_sends_watchers_away() {
    let source = Source::start(None).await;
    let status = soon(source.client().watch(request(0))).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
}

#[tokio::test]
async fn a_bad_request_is_refused() {
    let source = Source::start(None).await;
    let status = soon(source.client().watch(request(-1))).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(status.message(), "known_generation: it is -1, but must not be negative");
}

#[tokio::test]
async fn one_watcher_too_many_is_refused_until_another_one_leaves() {
    let held = history(1).pop();
    let source = Source::limited(held, WatchLimits { watchers_max: 1 }).await;
    let first = soon(source.client().watch(request(0))).await.unwrap();
    let status = soon(source.client().watch(request(0))).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    drop(first);
    soon(source.publish.closed()).await;
    assert!(soon(source.client().watch(request(0))).await.is_ok());
}

#[tokio::test]
async fn a_watch_ends_when_the_server_stops() {
    let source = Source::start(history(1).pop()).await;
    let mut told = soon(source.client().watch(request(0))).await.unwrap().into_inner();
    next(&mut told).await;
    source.stop.cancel();
    assert!(soon(told.message()).await.unwrap().is_none());
}
