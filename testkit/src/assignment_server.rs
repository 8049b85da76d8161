//! A source of assignments: a gRPC server that streams the assignments of one target as the test publishes them.

use std::net::SocketAddr;
use std::sync::Arc;

use emberkeep_core::assignment::{Assignment, Generation};
use emberkeep_core::keyspace::SliceKey;
use emberkeep_core::pod::Pod;
use emberkeep_core::target::{KeyMode, TargetName};
use emberkeep_runtime::watch::{AssignmentSnapshot, AssignmentSource, WatchLimits, WatchService};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

use crate::assignment::{assigned, serving};
use crate::deadline::soon;
use crate::grpc_server::serve;

/// Serves watches until it is stopped or dropped.
#[derive(Debug)]
pub struct AssignmentServer {
    /// The address at which it listens, to be given to a watcher.
    pub address: SocketAddr,
    published: watch::Sender<Option<AssignmentSnapshot>>,
    subscription_count: watch::Sender<usize>,
    stop: CancellationToken,
}

impl AssignmentServer {
    /// Serves `target`, which has no assignment yet.
    pub async fn start(target: TargetName) -> Self {
        Self::start_with(target, None, WatchLimits::default()).await
    }

    /// Serves `target` with its present assignment to a limited number of watchers.
    pub async fn start_with(target: TargetName, present: Option<AssignmentSnapshot>, limits: WatchLimits) -> Self {
        let (published, subscription_count) = (watch::Sender::new(present), watch::Sender::new(0));
        let stop = CancellationToken::new();
        let source = OneTarget {
            target,
            published: published.clone(),
            subscription_count: subscription_count.clone(),
        };
        let service = WatchService::new(source, limits, stop.clone());
        let address = serve(Routes::new(service.into_server()), stop.clone()).await;
        Self {
            address,
            published,
            subscription_count,
            stop,
        }
    }

    /// Publishes an assignment to all watchers.
    pub fn publish(&self, snapshot: AssignmentSnapshot) {
        self.published.send_replace(Some(snapshot));
    }

    /// Publishes the next generation, for ordered keys: each slice starts at a key and is served by some pods.
    pub fn assign(&self, slices: &[(&str, &[&Pod])]) -> Generation {
        let previous = self
            .published
            .borrow()
            .as_ref()
            .map(|held| Arc::clone(&held.assignment));
        let previous = previous.unwrap_or_else(|| Arc::new(Assignment::unassigned()));
        let slices = slices.iter().map(|(start, pods)| {
            let start = SliceKey::try_new(start.as_bytes()).expect("the test gives short keys");
            (start, serving(pods.iter().copied()))
        });
        let assignment = assigned(&previous, slices);
        let generation = assignment.generation();
        self.publish(AssignmentSnapshot {
            assignment,
            key_mode: KeyMode::Ordered,
        });
        generation
    }

    /// Waits until a watcher has subscribed.
    pub async fn wait_subscribed(&self) {
        let mut count = self.subscription_count.subscribe();
        let subscribed = soon(count.wait_for(|count| *count > 0)).await;
        subscribed.expect("the server keeps the count");
    }

    /// Waits until no watcher is left.
    pub async fn wait_unsubscribed(&self) {
        soon(self.published.closed()).await;
    }

    /// Ends all watches and closes the port.
    pub fn stop(&self) {
        self.stop.cancel();
    }
}

impl Drop for AssignmentServer {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The assignments of one target; counts subscriptions, those to other targets too.
struct OneTarget {
    target: TargetName,
    published: watch::Sender<Option<AssignmentSnapshot>>,
    subscription_count: watch::Sender<usize>,
}

impl AssignmentSource for OneTarget {
    fn subscribe(&self, name: &TargetName) -> Option<watch::Receiver<Option<AssignmentSnapshot>>> {
        let receiver = (*name == self.target).then(|| self.published.subscribe());
        self.subscription_count.send_modify(|count| *count += 1);
        receiver
    }
}
