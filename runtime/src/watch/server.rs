//! The server side of the watch.

use std::sync::Arc;

use emberkeep_core::target::TargetName;
use emberkeep_proto::convert::WatchStart;
use emberkeep_proto::pb::assignment_watch_server::{AssignmentWatch, AssignmentWatchServer};
use emberkeep_proto::pb::{WatchRequest, WatchResponse};
use futures::StreamExt;
use futures::stream::BoxStream;
use prometheus::IntGauge;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use super::{AssignmentSnapshot, UPDATE_SIZE_MAX, updates_since};
use crate::in_progress::InProgress;

/// The assignments that a watch serves: an assigner member has one for each target, a slicelet only that of its own.
pub trait AssignmentSource: Send + Sync + 'static {
    /// Follows the newest assignment of `target`; `None` if the target is unknown. While the channel is empty, watchers
    /// are rejected with `UNAVAILABLE`, so that they try another source.
    fn subscribe(&self, target: &TargetName) -> Option<watch::Receiver<Option<AssignmentSnapshot>>>;
}

impl<S: AssignmentSource> AssignmentSource for Arc<S> {
    fn subscribe(&self, target: &TargetName) -> Option<watch::Receiver<Option<AssignmentSnapshot>>> {
        self.as_ref().subscribe(target)
    }
}

/// The limits of a watch service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchLimits {
    /// The maximum number of concurrent watchers; further ones are rejected with `RESOURCE_EXHAUSTED`.
    pub watchers_max: usize,
}

impl Default for WatchLimits {
    fn default() -> Self {
        Self { watchers_max: 10_000 }
    }
}

/// Returns the gauge of a target.
type GaugeOfTarget = Box<dyn Fn(&TargetName) -> IntGauge + Send + Sync>;

/// Serves watchers: first the update from their generation to the newest, then each change.
///
/// Nothing is queued for a slow watcher: an update is built when the connection accepts it, and leads from the
/// watcher's generation to the newest one. See [`updates_since`] for a watcher that is ahead of this server.
pub struct WatchService<S> {
    source: S,
    limits: WatchLimits,
    permits: Arc<Semaphore>,
    open: Option<GaugeOfTarget>,
    stop: CancellationToken,
}

impl<S: AssignmentSource> WatchService<S> {
    /// Serves the assignments of `source`; all streams end when `stop` is cancelled.
    pub fn new(source: S, limits: WatchLimits, stop: CancellationToken) -> Self {
        let permits = Arc::new(Semaphore::new(limits.watchers_max.min(Semaphore::MAX_PERMITS)));
        Self {
            source,
            limits,
            permits,
            open: None,
            stop,
        }
    }

    /// Counts the open watches of each target in its gauge.
    #[must_use]
    pub fn counted_in(mut self, open: impl Fn(&TargetName) -> IntGauge + Send + Sync + 'static) -> Self {
        self.open = Some(Box::new(open));
        self
    }

    /// The gRPC service, with the message size limit of the watch.
    pub fn into_server(self) -> AssignmentWatchServer<Self> {
        AssignmentWatchServer::new(self).max_encoding_message_size(UPDATE_SIZE_MAX)
    }
}

#[tonic::async_trait]
impl<S: AssignmentSource> AssignmentWatch for WatchService<S> {
    type WatchStream = BoxStream<'static, Result<WatchResponse, Status>>;

    async fn watch(&self, request: Request<WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let WatchStart { target, known, watcher } = WatchStart::try_from(request.into_inner())?;
        let held = self.source.subscribe(&target);
        let held = held.ok_or_else(|| Status::not_found(format!("there is no target {target} here")))?;
        if held.borrow().is_none() {
            return Err(Status::unavailable(
                "no assignment received here yet, try another member or pod",
            ));
        }
        let permit = Arc::clone(&self.permits).try_acquire_owned().map_err(|_| {
            let limit = self.limits.watchers_max;
            Status::resource_exhausted(format!(
                "the limit of {limit} watchers is reached, try another member or pod"
            ))
        })?;
        tracing::debug!(%target, generation = %known, watcher, "watch started");
        let open = self.open.as_ref();
        let open = open.map(|gauge_of| InProgress::start(&gauge_of(&target)));
        let updates = updates_since(held, known).map(move |update| {
            // Moves the permit and the count into the stream, which holds them until it is dropped.
            let _ = (&permit, &open);
            Ok(WatchResponse::from(&update))
        });
        Ok(Response::new(
            updates.take_until(self.stop.clone().cancelled_owned()).boxed(),
        ))
    }
}
