//! The scheduler: runs the unfinished keys of a pod, both submitted keys and unfinished keys of earlier owners.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use emberkeep_slicelet::{Codec, Slicelet};
use emberkeep_store::{NameRange, ObjectName, StoreError};
use futures::StreamExt;
use futures::stream::{BoxStream, Fuse};
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Interval, MissedTickBehavior};

use super::open_keys::OpenKeys;
use super::queue::WorkQueue;
use super::runner::{Advance, Runner, Stepwise};
use super::unix_time::UnixTime;

/// The limits of a scheduler.
#[derive(Debug, Clone, Copy)]
pub struct StepSchedulerSettings {
    /// The most keys processed concurrently.
    pub at_once_max: usize,
    /// The interval of searches for open keys in the pod's slices, in addition to a search after each change of these.
    pub search_interval: Duration,
}

impl Default for StepSchedulerSettings {
    fn default() -> Self {
        Self {
            at_once_max: 64,
            search_interval: Duration::from_secs(30),
        }
    }
}

/// Executes the steps of all open keys of a pod, each key by one task at a time.
///
/// Keys that do not fit into its bounded queue are found by the next search, and so are those in progress when it is stopped or
/// crashes.
pub struct StepScheduler<C: Codec> {
    slicelet: Slicelet<C>,
    runner: Arc<Runner<C>>,
    open: OpenKeys,
    settings: StepSchedulerSettings,
    submitted: mpsc::Receiver<ObjectName>,
    /// The markers of open keys.
    queue: WorkQueue<ObjectName>,
    running: JoinSet<(ObjectName, Option<UnixTime>)>,
    search: Fuse<BoxStream<'static, Result<ObjectName, StoreError>>>,
    /// The ranges of the latest search.
    searched: Vec<NameRange>,
    is_search_due: bool,
}

/// A handle to submit open keys to a scheduler.
#[derive(Debug, Clone)]
pub struct StepSchedulerHandle(mpsc::Sender<ObjectName>);

impl StepSchedulerHandle {
    /// Submits the key of a marker for processing at once. Without this, or if the channel is full, the next search finds it.
    pub fn submit(&self, marker: ObjectName) {
        // If the channel is full, the next search finds the key.
        let _ = self.0.try_send(marker);
    }
}

/// The most keys in the queue, postponed ones included.
const OPEN_MAX: usize = 10_000;
const SUBMITTED_MAX: usize = 256;
/// The delay of a retry after a failure of the store.
const PAUSE: Duration = Duration::from_secs(1);

impl<C: Codec<Value: Stepwise>> StepScheduler<C> {
    /// A scheduler for the keys of `slicelet` with markers in `open`, and the handle to submit keys.
    pub fn new(
        slicelet: Slicelet<C>,
        runner: Runner<C>,
        open: OpenKeys,
        settings: StepSchedulerSettings,
    ) -> (Self, StepSchedulerHandle) {
        let (handle, submitted) = mpsc::channel(SUBMITTED_MAX);
        let scheduler = Self {
            slicelet,
            runner: Arc::new(runner),
            open,
            settings,
            submitted,
            queue: WorkQueue::new(OPEN_MAX),
            running: JoinSet::new(),
            search: futures::stream::empty().boxed().fuse(),
            searched: Vec::new(),
            is_search_due: true,
        };
        (scheduler, StepSchedulerHandle(handle))
    }

    /// Runs until `stop` resolves or the slicelet ends. Keys in progress are cancelled then; the next owner continues them.
    ///
    /// # Panics
    /// When a step panics.
    pub async fn run(mut self, stop: impl Future<Output = ()> + Send) {
        let mut stop = pin!(stop);
        let mut assignment = self.slicelet.assignment();
        let mut searches = every(self.settings.search_interval);
        loop {
            self.start_due();
            self.search_if_due();
            let wake_at = self.queue.wake_at();
            tokio::select! {
                () = &mut stop => break,
                changed = assignment.changed() => match changed {
                    Ok(()) => self.is_search_due |= self.served() != self.searched,
                    Err(_) => break,
                },
                _ = searches.tick() => self.is_search_due = true,
                found = self.search.next(), if !self.search.is_done() => self.on_found(found),
                Some(marker) = self.submitted.recv() => self.queue.offer(marker),
                Some(ended) = self.running.join_next() => self.on_task_ended(ended),
                () = until(wake_at) => {}
            }
        }
        self.running.shutdown().await;
    }

    /// Starts tasks for due keys, up to the limit.
    fn start_due(&mut self) {
        while self.running.len() < self.settings.at_once_max {
            let Some(marker) = self.queue.take(UnixTime::now()) else {
                return;
            };
            let (runner, open) = (Arc::clone(&self.runner), self.open.clone());
            self.running.spawn(async move {
                let due_at = advance(&runner, &open, &marker).await;
                (marker, due_at)
            });
        }
    }

    fn on_task_ended(&mut self, ended: Result<(ObjectName, Option<UnixTime>), JoinError>) {
        match ended {
            Ok((marker, Some(due_at))) => self.queue.postpone(marker, due_at),
            Ok((marker, None)) => self.queue.remove(&marker),
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(error) => tracing::error!(%error, "a step was cancelled"),
            },
        }
    }

    /// Starts a search if one is due and the previous one has ended.
    fn search_if_due(&mut self) {
        if self.is_search_due && self.search.is_done() {
            self.is_search_due = false;
            self.searched = self.served();
            self.search = self.open.list(self.searched.clone()).boxed().fuse();
        }
    }

    fn on_found(&mut self, found: Option<Result<ObjectName, StoreError>>) {
        match found {
            None => {}
            Some(Ok(marker)) => self.queue.offer(marker),
            Some(Err(error)) => {
                tracing::warn!(%error, "search for open keys failed, the next search will find the rest")
            }
        }
    }

    /// The ranges of the markers of all keys that the pod serves.
    fn served(&self) -> Vec<NameRange> {
        let slices = self.slicelet.served_slices();
        let markers = slices.iter().map(|slice| {
            let end = slice.end().map(|end| end.to_bytes());
            self.open.slice(&slice.start().to_bytes(), end.as_deref())
        });
        markers.collect()
    }
}

/// Executes the due steps of a key; returns when the next one is due, `None` if there is none.
async fn advance<C: Codec<Value: Stepwise>>(
    runner: &Runner<C>,
    open: &OpenKeys,
    marker: &ObjectName,
) -> Option<UnixTime> {
    let key = marker.application_key().and_then(|key| String::from_utf8(key).ok());
    let advance = match key {
        Some(key) => runner.advance(&key).await,
        None => Ok(Advance::Missing),
    };
    let unmarked = match advance {
        Ok(Advance::Later(due_at)) => return Some(due_at),
        Ok(Advance::NotOurs) => return None,
        Ok(Advance::Over) => open.unmark(marker).await,
        Ok(Advance::Missing) => open.unmark_if_orphaned(marker, UnixTime::now()).await,
        Err(error) => {
            tracing::warn!(%marker, %error, "cannot read or record progress, retrying");
            return Some(UnixTime::now() + PAUSE);
        }
    };
    if let Err(error) = unmarked {
        tracing::warn!(%marker, %error, "cannot remove the marker, the next search will retry");
    }
    None
}

fn every(interval: Duration) -> Interval {
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

async fn until(moment: Option<UnixTime>) {
    match moment {
        Some(moment) => tokio::time::sleep(moment.since(UnixTime::now())).await,
        None => std::future::pending().await,
    }
}

impl<C: Codec> std::fmt::Debug for StepScheduler<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StepScheduler")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
