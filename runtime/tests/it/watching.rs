//! How a watcher handles updates, and sources that send none.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use emberkeep_core::assignment::{Generation, Update};
use emberkeep_proto::convert::WatchUpdate;
use emberkeep_proto::pb::assignment_watch_server::{AssignmentWatch, AssignmentWatchServer};
use emberkeep_proto::pb::{self, WatchRequest, WatchResponse};
use emberkeep_runtime::channel::ChannelSettings;
use emberkeep_runtime::watch::{AssignmentSnapshot, AssignmentWatcher, WatchSettings};
use emberkeep_testkit::deadline::soon;
use emberkeep_testkit::grpc_server::serve;
use futures::stream::{self, BoxStream, StreamExt};
use prost::Message;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic::{Request, Response, Status};

use crate::assignment_history::{history, large, server_with, target};
use crate::frozen_link::FrozenLink;

fn watcher_of(addresses: &[&dyn ToString]) -> AssignmentWatcher {
    let addresses = addresses.iter().map(|address| address.to_string());
    let settings = WatchSettings {
        channel: ChannelSettings {
            keepalive_interval: Duration::from_millis(100),
            keepalive_timeout: Duration::from_secs(1),
            ..ChannelSettings::default()
        },
        answer_timeout: Duration::from_secs(2),
        retry_first: Duration::from_millis(10),
        retry_max: Duration::from_millis(100),
        ..WatchSettings::new(target(), addresses.collect(), "test")
    };
    AssignmentWatcher::start(settings, &CancellationToken::new())
}

/// Waits until the watcher holds exactly this.
async fn holds(watcher: &AssignmentWatcher, expected: &AssignmentSnapshot) {
    let mut held = watcher.held();
    let arrived = held.wait_for(|held| held.as_ref() == Some(expected));
    assert!(soon(arrived).await.is_ok());
}

#[tokio::test]
async fn a_watcher_follows_its_source() {
    let history = history(5);
    let source = server_with(None).await;
    let watcher = watcher_of(&[&source.address]);
    for newer in &history {
        source.publish(newer.clone());
        holds(&watcher, newer).await;
    }
}

#[tokio::test]
async fn another_source_takes_over_when_one_dies() {
    let history = history(3);
    let (first, second) = (server_with(Some(&history[1])).await, server_with(None).await);
    let watcher = watcher_of(&[&first.address]);
    holds(&watcher, &history[1]).await;
    watcher.add_sources([second.address.to_string()]);
    first.stop();
    second.publish(history[3].clone());
    holds(&watcher, &history[3]).await;
}

#[tokio::test]
async fn an_unreachable_source_is_skipped() {
    let history = history(1);
    let gone = server_with(None).await;
    gone.stop();
    let source = server_with(Some(&history[1])).await;
    let watcher = watcher_of(&[&gone.address, &"not an address", &source.address]);
    holds(&watcher, &history[1]).await;
}

#[tokio::test]
async fn a_source_that_accepts_connections_and_never_answers_is_skipped() {
    let history = history(1);
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let source = server_with(Some(&history[1])).await;
    let watcher = watcher_of(&[&mute.local_addr().unwrap()]);
    let _connection = soon(mute.accept()).await.unwrap();
    watcher.add_sources([source.address.to_string()]);
    holds(&watcher, &history[1]).await;
}

#[tokio::test]
async fn a_connection_that_dies_silently_is_detected() {
    let history = history(2);
    let (cut_off, source) = (server_with(Some(&history[1])).await, server_with(None).await);
    let link = FrozenLink::to(cut_off.address).await;
    let watcher = watcher_of(&[&link.address]);
    holds(&watcher, &history[1]).await;
    watcher.add_sources([source.address.to_string()]);
    link.freeze.cancel();
    source.publish(history[2].clone());
    holds(&watcher, &history[2]).await;
}

#[tokio::test]
async fn an_assignment_larger_than_the_default_limit_of_tonic_arrives() {
    let large = large(60_000);
    assert!(pb::Assignment::from(large.assignment.as_ref()).encoded_len() > 4 << 20);
    let source = server_with(Some(&large)).await;
    holds(&watcher_of(&[&source.address]), &large).await;
}

#[tokio::test]
async fn a_source_without_an_assignment_is_replaced_by_one_that_has_it() {
    let history = history(1);
    let (empty, source) = (server_with(None).await, server_with(Some(&history[1])).await);
    let watcher = watcher_of(&[&empty.address]);
    empty.wait_subscribed().await;
    watcher.add_sources([source.address.to_string()]);
    holds(&watcher, &history[1]).await;
}

#[tokio::test]
async fn an_older_source_never_sets_a_watcher_back() {
    let history = history(4);
    let (newer, older) = (
        server_with(Some(&history[3])).await,
        server_with(Some(&history[1])).await,
    );
    let watcher = watcher_of(&[&newer.address]);
    holds(&watcher, &history[3]).await;
    watcher.add_sources([older.address.to_string()]);
    newer.stop();
    older.wait_subscribed().await;
    let mut held = watcher.held();
    held.mark_unchanged();
    for published in [2, 3, 4] {
        older.publish(history[published].clone());
    }
    soon(held.changed()).await.unwrap();
    assert_eq!(held.borrow().as_ref(), Some(&history[4]));
}

#[tokio::test]
async fn a_watcher_that_looks_elsewhere_finds_a_newer_assignment() {
    let history = history(2);
    let (older, newer) = (
        server_with(Some(&history[1])).await,
        server_with(Some(&history[2])).await,
    );
    let watcher = watcher_of(&[&older.address]);
    holds(&watcher, &history[1]).await;
    watcher.add_sources([newer.address.to_string()]);
    watcher.try_next_source();
    holds(&watcher, &history[2]).await;
}

#[tokio::test]
async fn a_dropped_watcher_leaves_its_source() {
    let source = server_with(Some(&history(1)[1])).await;
    let watcher = watcher_of(&[&source.address]);
    holds(&watcher, &history(1)[1]).await;
    drop(watcher);
    source.wait_unsubscribed().await;
}

/// Answers the first watch with a diff on the wrong base, and later ones with the whole assignment, if that is requested.
struct WrongBase {
    history: Vec<AssignmentSnapshot>,
    watch_count: AtomicUsize,
}

#[tonic::async_trait]
impl AssignmentWatch for WrongBase {
    type WatchStream = BoxStream<'static, Result<WatchResponse, Status>>;

    async fn watch(&self, request: Request<WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let whole = |generation: usize| Update::Full(self.history[generation].assignment.clone());
        let known = request.into_inner().known_generation;
        let updates = match (self.watch_count.fetch_add(1, Ordering::Relaxed), known) {
            (0, 0) => {
                let base = Generation::from_number(4).unwrap();
                vec![whole(1), Update::Diff(self.history[5].assignment.diff_since(base))]
            }
            (_, 0) => vec![whole(6)],
            (_, _) => return Err(Status::internal("the whole assignment was not requested")),
        };
        let responses = updates.into_iter().map(|update| {
            let key_mode = self.history[0].key_mode;
            Ok(WatchResponse::from(&WatchUpdate { update, key_mode }))
        });
        let responses: Vec<_> = responses.collect();
        Ok(Response::new(stream::iter(responses).chain(stream::pending()).boxed()))
    }
}

#[tokio::test]
async fn a_diff_on_the_wrong_base_makes_a_watcher_request_the_whole_assignment() {
    let history = history(6);
    let service = WrongBase {
        history: history.clone(),
        watch_count: AtomicUsize::new(0),
    };
    let routes = Routes::new(AssignmentWatchServer::new(service));
    let address = serve(routes, CancellationToken::new()).await;
    let watcher = watcher_of(&[&address]);
    holds(&watcher, &history[6]).await;
}
