//! What a watcher does with what it is told, and with whoever does not tell.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use emberkeep_core::assignment::{Generation, Update};
use emberkeep_proto::convert::WatchUpdate;
use emberkeep_proto::pb::assignment_watch_server::{AssignmentWatch, AssignmentWatchServer};
use emberkeep_proto::pb::{self, WatchRequest, WatchResponse};
use emberkeep_runtime::channel::ChannelSettings;
use emberkeep_runtime::watch::{AssignmentSnapshot, AssignmentWatcher, WatchSettings};
use futures::stream::{self, BoxStream, StreamExt};
use prost::Message;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use crate::cluster::{Source, history, large, serve, soon, target};
use crate::frozen_link::FrozenLink;

fn watcher_of(addresses: &[&str]) -> AssignmentWatcher {
    let addresses = addresses.iter().map(|address| (*address).to_owned());
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
    let source = Source::start(None).await;
    let watcher = watcher_of(&[&source.address]);
    for newer in &history {
        source.publish.send_replace(Some(newer.clone()));
        holds(&watcher, newer).await;
    }
}

#[tokio::test]
async fn another_source_takes_over_when_one_dies() {
    let history = history(3);
    let (first, second) = (Source::start(Some(history[1].clone())).await, Source::start(None).await);
    let watcher = watcher_of(&[&first.address]);
    holds(&watcher, &history[1]).await;
    watcher.add_sources([second.address.clone()]);
    first.stop.cancel();
    second.publish.send_replace(Some(history[3].clone()));
    holds(&watcher, &history[3]).await;
}

#[tokio::test]
async fn a_source_that_is_not_there_is_passed_over() {
    let history = history(1);
    let gone = Source::start(None).await;
    gone.stop.cancel();
    let source = Source::start(Some(history[1].clone())).await;
    let watcher = watcher_of(&[&gone.address, "not an address", &source.address]);
    holds(&watcher, &history[1]).await;
}

#[tokio::test]
async fn a_source_that_takes_connections_and_never_answers_is_passed_over() {
    let history = history(1);
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let source = Source::start(Some(history[1].clone())).await;
    let watcher = watcher_of(&[&mute.local_addr().unwrap().to_string()]);
    let _connection = soon(mute.accept()).await.unwrap();
    watcher.add_sources([source.address.clone()]);
    holds(&watcher, &history[1]).await;
}

#[tokio::test]
async fn a_connection_that_dies_without_a_word_is_noticed() {
    let history = history(2);
    let (cut_off, source) = (Source::start(Some(history[1].clone())).await, Source::start(None).await);
    let link = FrozenLink::to(cut_off.address.clone()).await;
    let watcher = watcher_of(&[&link.address]);
    holds(&watcher, &history[1]).await;
    watcher.add_sources([source.address.clone()]);
    link.freeze.cancel();
    source.publish.send_replace(Some(history[2].clone()));
    holds(&watcher, &history[2]).await;
}

#[tokio::test]
async fn an_assignment_of_more_than_tonic_takes_by_itself_arrives() {
    let large = large(60_000);
    assert!(pb::Assignment::from(large.assignment.as_ref()).encoded_len() > 4 << 20);
    let source = Source::start(Some(large.clone())).await;
    holds(&watcher_of(&[&source.address]), &large).await;
}

#[tokio::test]
async fn a_source_that_has_nothing_is_left_for_one_that_has() {
    let history = history(1);
    let (empty, source) = (Source::start(None).await, Source::start(Some(history[1].clone())).await);
    let watcher = watcher_of(&[&empty.address]);
    empty.asked().await;
    watcher.add_sources([source.address.clone()]);
    holds(&watcher, &history[1]).await;
}

#[tokio::test]
async fn an_older_source_never_takes_a_watcher_back() {
    let history = history(4);
    let (newer, older) = (
        Source::start(Some(history[3].clone())).await,
        Source::start(Some(history[1].clone())).await,
    );
    let watcher = watcher_of(&[&newer.address]);
    holds(&watcher, &history[3]).await;
    watcher.add_sources([older.address.clone()]);
    newer.stop.cancel();
    older.asked().await;
    let mut held = watcher.held();
    held.mark_unchanged();
    for published in [2, 3, 4] {
        older.publish.send_replace(Some(history[published].clone()));
    }
    soon(held.changed()).await.unwrap();
    assert_eq!(held.borrow().as_ref(), Some(&history[4]));
}

#[tokio::test]
async fn a_watcher_that_looks_elsewhere_finds_what_is_newer() {
    let history = history(2);
    let (older, newer) = (
        Source::start(Some(history[1].clone())).await,
        Source::start(Some(history[2].clone())).await,
    );
    let watcher = watcher_of(&[&older.address]);
    holds(&watcher, &history[1]).await;
    watcher.add_sources([newer.address.clone()]);
    watcher.try_next_source();
    holds(&watcher, &history[2]).await;
}

#[tokio::test]
async fn a_dropped_watcher_leaves_its_source() {
    let source = Source::start(Some(history(1)[1].clone())).await;
    let watcher = watcher_of(&[&source.address]);
    holds(&watcher, &history(1)[1]).await;
    drop(watcher);
    soon(source.publish.closed()).await;
}

/// Answers the first watch with a diff that fits nothing, and later ones with the whole, if that is asked for.
struct Stumbling {
    history: Vec<AssignmentSnapshot>,
    watch_count: AtomicUsize,
}

#[tonic::async_trait]
impl AssignmentWatch for Stumbling {
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
            (_, _) => return Err(Status::internal("the whole was not asked for")),
        };
        let told = updates.into_iter().map(|update| {
            let key_mode = self.history[0].key_mode;
            Ok(WatchResponse::from(&WatchUpdate { update, key_mode }))
        });
        let told: Vec<_> = told.collect();
        Ok(Response::new(stream::iter(told).chain(stream::pending()).boxed()))
    }
}

#[tokio::test]
async fn a_diff_on_the_wrong_base_makes_a_watcher_ask_for_the_whole() {
    let history = history(6);
    let stumbling = Stumbling {
        history: history.clone(),
        watch_count: AtomicUsize::new(0),
    };
    let address = serve(AssignmentWatchServer::new(stumbling), CancellationToken::new()).await;
    let watcher = watcher_of(&[&address]);
    holds(&watcher, &history[6]).await;
}
