//! The updates that a watch server sends.

use emberkeep_core::assignment::Update;
use emberkeep_proto::convert::WatchUpdate;
use emberkeep_proto::pb::{WatchRequest, WatchResponse};
use emberkeep_runtime::watch::{AssignmentSnapshot, WatchLimits};
use emberkeep_testkit::assignment_server::AssignmentServer;
use emberkeep_testkit::deadline::soon;
use tonic::{Code, Streaming};

use crate::assignment_history::{client_of, history, server_with, target};

fn request(known_generation: i64) -> WatchRequest {
    WatchRequest {
        target: "profiles".into(),
        known_generation,
        watcher: "test".into(),
    }
}

async fn next(updates: &mut Streaming<WatchResponse>) -> WatchUpdate {
    let response = soon(updates.message()).await.unwrap().unwrap();
    WatchUpdate::try_from(response).unwrap()
}

#[tokio::test]
async fn a_watcher_gets_the_whole_assignment_and_then_diffs() {
    let history = history(6);
    let server = server_with(Some(&history[4])).await;
    let mut updates = soon(client_of(&server).watch(request(0))).await.unwrap().into_inner();
    let first = next(&mut updates).await;
    assert!(matches!(first.update, Update::Full(_)));
    let mut watcher = AssignmentSnapshot::after(None, first).unwrap();
    for newer in &history[5..] {
        server.publish(newer.clone());
        let change = next(&mut updates).await;
        assert!(matches!(change.update, Update::Diff(_)));
        watcher = AssignmentSnapshot::after(watcher.as_ref(), change).unwrap();
        assert_eq!(watcher.as_ref(), Some(newer));
    }
}

#[tokio::test]
async fn a_returning_watcher_gets_a_diff_since_its_generation() {
    let history = history(6);
    let server = server_with(Some(&history[6])).await;
    let mut updates = soon(client_of(&server).watch(request(4))).await.unwrap().into_inner();
    let missed = next(&mut updates).await;
    assert_eq!(
        AssignmentSnapshot::after(Some(&history[4]), missed),
        Ok(Some(history[6].clone()))
    );
}

#[tokio::test]
async fn an_unknown_target_is_not_found() {
    let server = server_with(None).await;
    let unknown = WatchRequest {
        target: "orders".into(),
        ..request(0)
    };
    let status = soon(client_of(&server).watch(unknown)).await.unwrap_err();
    assert_eq!(
        (status.code(), status.message()),
        (Code::NotFound, "there is no target orders here")
    );
}

#[tokio::test]
async fn a_server_without_an_assignment_is_unavailable() {
    let server = server_with(None).await;
    let status = soon(client_of(&server).watch(request(0))).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
}

#[tokio::test]
async fn an_invalid_request_is_rejected() {
    let server = server_with(None).await;
    let status = soon(client_of(&server).watch(request(-1))).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(status.message(), "known_generation: it is -1, but must not be negative");
}

#[tokio::test]
async fn a_watcher_over_the_limit_is_rejected_until_another_one_leaves() {
    let limits = WatchLimits { watchers_max: 1 };
    let server = AssignmentServer::start_with(target(), history(1).pop(), limits).await;
    let first = soon(client_of(&server).watch(request(0))).await.unwrap();
    let status = soon(client_of(&server).watch(request(0))).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    drop(first);
    server.wait_unsubscribed().await;
    assert!(soon(client_of(&server).watch(request(0))).await.is_ok());
}

#[tokio::test]
async fn a_watch_ends_when_the_server_stops() {
    let server = server_with(history(1).last()).await;
    let mut updates = soon(client_of(&server).watch(request(0))).await.unwrap().into_inner();
    next(&mut updates).await;
    server.stop();
    assert!(soon(updates.message()).await.unwrap().is_none());
}
