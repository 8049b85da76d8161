//! The client side of the watch.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use emberkeep_core::assignment::Generation;
use emberkeep_core::target::TargetName;
use emberkeep_proto::convert::{WatchStart, WatchUpdate};
use emberkeep_proto::pb::assignment_watch_client::AssignmentWatchClient;
use emberkeep_proto::pb::{WatchRequest, WatchResponse};
use futures::FutureExt;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::Streaming;

use super::metrics::WatchMetrics;
use super::sources::Sources;
use super::watch_error::WatchError;
use super::{AssignmentSnapshot, UPDATE_SIZE_MAX};
use crate::backoff::Backoff;
use crate::channel::{ChannelSettings, channel_to};
use crate::tasks::supervised;

/// The settings of a watcher.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchSettings {
    /// The target whose assignment is watched.
    pub target: TargetName,
    /// The addresses of assigner members and slicelets, each of which can serve the watch.
    pub sources: Vec<String>,
    /// The name of this watcher in the logs of its sources.
    pub watcher: String,
    /// Timeouts and flow control of the connections.
    pub channel: ChannelSettings,
    /// The deadline for a source to connect and accept the watch.
    pub answer_timeout: Duration,
    /// The deadline for the first full assignment after the watch was accepted, while the watcher holds none.
    pub first_update_timeout: Duration,
    /// The ceiling of the first delay between two attempts.
    pub retry_first: Duration,
    /// The ceiling of all later delays. A watch that lasted this long resets the backoff.
    pub retry_max: Duration,
}

impl WatchSettings {
    /// Settings with the default timeouts and delays.
    #[must_use]
    pub fn new(target: TargetName, sources: Vec<String>, watcher: impl Into<String>) -> Self {
        Self {
            target,
            sources,
            watcher: watcher.into(),
            channel: ChannelSettings::default(),
            answer_timeout: Duration::from_secs(2),
            first_update_timeout: Duration::from_secs(30),
            retry_first: Duration::from_millis(100),
            retry_max: Duration::from_secs(5),
        }
    }
}

/// Holds the newest assignment received from any source. Dropping it stops the watch.
///
/// One task watches one source at a time. When that one fails, times out or does not know the target, the task watches
/// the next one after a backoff delay. The held assignment stays available meanwhile, and its generation never
/// decreases.
#[derive(Debug)]
pub struct AssignmentWatcher {
    held: watch::Receiver<Option<AssignmentSnapshot>>,
    sources: Arc<SharedSources>,
    _stop_on_drop: DropGuard,
}

/// The sources that the watcher and its task share.
#[derive(Debug)]
struct SharedSources {
    round: Mutex<Sources>,
    /// Notified when the task shall change to the next source.
    next_requested: Notify,
    /// Notified when a source was added.
    added: Notify,
}

impl AssignmentWatcher {
    /// Starts the watch. It runs until `stop` is cancelled or the watcher is dropped.
    #[must_use]
    pub fn start(settings: WatchSettings, stop: &CancellationToken) -> Self {
        Self::start_task(settings, None, stop)
    }

    /// As [`AssignmentWatcher::start`], with metrics.
    #[must_use]
    pub fn start_measured(settings: WatchSettings, metrics: WatchMetrics, stop: &CancellationToken) -> Self {
        Self::start_task(settings, Some(metrics), stop)
    }

    fn start_task(settings: WatchSettings, metrics: Option<WatchMetrics>, stop: &CancellationToken) -> Self {
        let (publish, held) = watch::channel(None);
        let sources = Arc::new(SharedSources {
            round: Mutex::new(Sources::new(settings.sources.clone())),
            next_requested: Notify::new(),
            added: Notify::new(),
        });
        let end = stop.child_token();
        let task = WatchTask {
            backoff: Backoff::new(settings.retry_first, settings.retry_max),
            settings,
            metrics,
            sources: Arc::clone(&sources),
            publish,
            needs_full: false,
        };
        let task = end.clone().run_until_cancelled_owned(task.run());
        tokio::spawn(supervised("assignment watch", stop.clone(), task.map(|_| ())));
        Self {
            held,
            sources,
            _stop_on_drop: end.drop_guard(),
        }
    }

    /// Follows the held assignment; `None` before the first one was received.
    #[must_use]
    pub fn held(&self) -> watch::Receiver<Option<AssignmentSnapshot>> {
        self.held.clone()
    }

    /// Adds addresses of further sources. Unlike a configured one, an added source is removed when it fails; it may be
    /// added again.
    pub fn add_sources(&self, addresses: impl IntoIterator<Item = String>) {
        let mut round = self.sources.round();
        addresses.into_iter().for_each(|address| round.add(address));
        self.sources.added.notify_one();
    }

    /// Changes to the next source, because a pod uses a newer generation than the present source has delivered.
    /// Repeated calls before the change count as one.
    pub fn try_next_source(&self) {
        self.sources.next_requested.notify_one();
    }
}

impl SharedSources {
    fn round(&self) -> std::sync::MutexGuard<'_, Sources> {
        // A panic of a lock holder leaves the list intact: each method is a single change.
        self.round.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The task of a watcher.
struct WatchTask {
    settings: WatchSettings,
    metrics: Option<WatchMetrics>,
    sources: Arc<SharedSources>,
    publish: watch::Sender<Option<AssignmentSnapshot>>,
    backoff: Backoff,
    /// The held assignment was not the base of a diff: the next watch requests the full assignment.
    needs_full: bool,
}

impl WatchTask {
    async fn run(mut self) {
        loop {
            let source = self.next_source().await;
            let start = Instant::now();
            let Err(error) = self.follow(&source).await;
            self.on_watch_ended(&source, &error);
            if start.elapsed() >= self.settings.retry_max {
                self.backoff.reset();
            }
            tokio::time::sleep(self.backoff.next_delay()).await;
        }
    }

    async fn next_source(&self) -> String {
        loop {
            let next = self.sources.round().next();
            match next {
                Some(source) => return source,
                None => self.sources.added.notified().await,
            }
        }
    }

    /// Applies the updates of `source` until the watch ends.
    async fn follow(&mut self, source: &str) -> Result<std::convert::Infallible, WatchError> {
        let mut responses = self.open(source).await?;
        if let Some(metrics) = &self.metrics {
            metrics.on_accepted();
        }
        // A request for the next source from before this watch was accepted is satisfied by it.
        let _ = self.sources.next_requested.notified().now_or_never();
        loop {
            let response = tokio::select! {
                response = self.next_response(&mut responses) => response?,
                () = self.sources.next_requested.notified() => return Err(WatchError::Stale),
            };
            self.apply(WatchUpdate::try_from(response)?)?;
        }
    }

    async fn open(&self, source: &str) -> Result<Streaming<WatchResponse>, WatchError> {
        let channel = channel_to(source, &self.settings.channel)?;
        let mut client = AssignmentWatchClient::new(channel).max_decoding_message_size(UPDATE_SIZE_MAX);
        let start = WatchStart {
            target: self.settings.target.clone(),
            known: self.known(),
            watcher: self.settings.watcher.clone(),
        };
        let answer = client.watch(WatchRequest::from(&start));
        let accepted = timeout(self.settings.answer_timeout, answer).await??;
        Ok(accepted.into_inner())
    }

    /// The next response, with a deadline only while no assignment is held: later on silence means that nothing
    /// changes, and keepalive detects a dead connection.
    async fn next_response(&self, responses: &mut Streaming<WatchResponse>) -> Result<WatchResponse, WatchError> {
        let holds_nothing = self.publish.borrow().is_none();
        let response = if holds_nothing {
            timeout(self.settings.first_update_timeout, responses.message()).await??
        } else {
            responses.message().await?
        };
        response.ok_or(WatchError::Ended)
    }

    fn apply(&mut self, update: WatchUpdate) -> Result<(), WatchError> {
        let next = AssignmentSnapshot::after(self.publish.borrow().as_ref(), update)?;
        self.needs_full = false;
        if let Some(next) = next {
            self.publish.send_replace(Some(next));
        }
        Ok(())
    }

    fn known(&self) -> Generation {
        match self.publish.borrow().as_ref() {
            Some(held) if !self.needs_full => held.assignment.generation(),
            Some(_) | None => Generation::NONE,
        }
    }

    fn on_watch_ended(&mut self, source: &str, error: &WatchError) {
        if let Some(metrics) = &self.metrics {
            metrics.on_ended(error);
        }
        let target = &self.settings.target;
        match error {
            WatchError::Stale => tracing::debug!(%target, source, "changing to the next source: {error}"),
            WatchError::NeedsFull(_) => {
                self.needs_full = true;
                tracing::info!(%target, source, "restarting the watch: {error}");
            }
            WatchError::BadAddress(_)
            | WatchError::TimedOut(_)
            | WatchError::Rejected(_)
            | WatchError::Ended
            | WatchError::Invalid(_) => {
                self.sources.round().on_failed(source);
                tracing::warn!(%target, source, "watch failed: {error}");
            }
        }
    }
}
