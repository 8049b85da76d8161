//! The serving side of the watch.

use std::sync::Arc;

use emberkeep_core::target::TargetName;
use emberkeep_proto::convert::WatchStart;
use emberkeep_proto::pb::assignment_watch_server::{AssignmentWatch, AssignmentWatchServer};
use emberkeep_proto::pb::{WatchRequest, WatchResponse};
use futures::StreamExt;
use futures::stream::BoxStream;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use super::{AssignmentSnapshot, UPDATE_SIZE_MAX, updates_since};

/// Whoever has assignments: an assigner member those of all targets, a slicelet that of its own.
pub trait AssignmentSource: Send + Sync + 'static {
    /// The newest assignment of `target`, now and later; `None` if there is no such target. As long as nothing is
    /// held, watchers are sent away, so that they find somebody who has something.
    fn subscribe(&self, target: &TargetName) -> Option<watch::Receiver<Option<AssignmentSnapshot>>>;
}

impl<S: AssignmentSource> AssignmentSource for Arc<S> {
    fn subscribe(&self, target: &TargetName) -> Option<watch::Receiver<Option<AssignmentSnapshot>>> {
        self.as_ref().subscribe(target)
    }
}

/// How much a watch serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchLimits {
    /// How many watchers are served at a time.
    pub watchers_max: usize,
}

impl Default for WatchLimits {
    fn default() -> Self {
        Self { watchers_max: 10_000 }
    }
}

/// Tells watchers what they lack, then each change.
///
/// Nothing queues up for a slow watcher: the next update is made when the connection takes it, and leads from what
/// the watcher has to the newest generation. See [`updates_since`] for what a watcher from the future is told.
#[derive(Debug)]
pub struct WatchService<S> {
    source: S,
    limits: WatchLimits,
    places: Arc<Semaphore>,
    stop: CancellationToken,
}

impl<S: AssignmentSource> WatchService<S> {
    /// Serves what `source` has; all streams end when `stop` is cancelled.
    pub fn new(source: S, limits: WatchLimits, stop: CancellationToken) -> Self {
        let places = Arc::new(Semaphore::new(limits.watchers_max.min(Semaphore::MAX_PERMITS)));
        Self {
            source,
            limits,
            places,
            stop,
        }
    }

    /// The service as a server takes it, with the limits of message sizes set.
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
                "no assignment has come here yet, ask another member or pod",
            ));
        }
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| {
            let most = self.limits.watchers_max;
            Status::resource_exhausted(format!("{most} watchers are served already, ask another member or pod"))
        })?;
        tracing::debug!(%target, generation = %known, watcher, "watch starts");
        let told = updates_since(held, known).map(move |told| {
            // The place is taken for as long as the stream lives.
            let _ = &place;
            Ok(WatchResponse::from(&told))
        });
        Ok(Response::new(
            told.take_until(self.stop.clone().cancelled_owned()).boxed(),
        ))
    }
}
