//! The scheduler: sees to the unfinished keys of a pod, those it is submitted of and those that other pods left behind.

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

/// How much a scheduler takes on.
#[derive(Debug, Clone, Copy)]
pub struct StepSchedulerSettings {
    /// How many keys are worked on at a time.
    pub at_once_max: usize,
    /// How often the pod's slices are searched for open keys, beyond each time they change.
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

/// Has the steps of all open keys of a pod done, each key by one at a time.
///
/// Nothing that it forgets is lost: the next search finds it again. So its queue is bounded, and it may be ended, or crash,
/// at any time.
pub struct StepScheduler<C: Codec> {
    slicelet: Slicelet<C>,
    runner: Arc<Runner<C>>,
    open: OpenKeys,
    settings: StepSchedulerSettings,
    submitted: mpsc::Receiver<ObjectName>,
    /// By their markers.
    queue: WorkQueue<ObjectName>,
    running: JoinSet<(ObjectName, Option<UnixTime>)>,
    search: Fuse<BoxStream<'static, Result<ObjectName, StoreError>>>,
    /// What the newest search was for.
    searched: Vec<NameRange>,
    is_search_due: bool,
}

/// Where a scheduler is submitted of open keys.
#[derive(Debug, Clone)]
pub struct StepSchedulerHandle(mpsc::Sender<ObjectName>);

impl StepSchedulerHandle {
    /// Work on the key with that marker can begin. Without this it begins at the next search, as it does when the scheduler
    /// has no time to listen.
    pub fn submit(&self, marker: ObjectName) {
        // It is found by the next search.
        let _ = self.0.try_send(marker);
    }
}

/// How many open keys are in the queue, waiting ones included.
const OPEN_MAX: usize = 10_000;
const SUBMITTED_MAX: usize = 256;
/// After so long it is tried again where the store failed.
const PAUSE: Duration = Duration::from_secs(1);

impl<C: Codec<Value: Stepwise>> StepScheduler<C> {
    /// A scheduler for the keys of that slicelet, whose markers are in `open`.
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

    /// Works until `stop` ends, or the slicelet. What is being done then is dropped, and the next owner goes on with it.
    ///
    /// # Panics
    /// When a step does.
    pub async fn run(mut self, stop: impl Future<Output = ()> + Send) {
        let mut stop = pin!(stop);
        let mut assignment = self.slicelet.assignment();
        let mut searches = every(self.settings.search_interval);
        loop {
            self.begin();
            self.search_if_due();
            let wake_at = self.queue.wake_at();
            tokio::select! {
                () = &mut stop => break,
                changed = assignment.changed() => match changed {
                    Ok(()) => self.is_search_due |= self.served() != self.searched,
                    Err(_) => break,
                },
                _ = searches.tick() => self.is_search_due = true,
                found = self.search.next(), if !self.search.is_done() => self.found(found),
                Some(marker) = self.submitted.recv() => self.queue.offer(marker),
                Some(ended) = self.running.join_next() => self.ended(ended),
                () = until(wake_at) => {}
            }
        }
        self.running.shutdown().await;
    }

    /// Begins with as much as is allowed at a time.
    fn begin(&mut self) {
        while self.running.len() < self.settings.at_once_max {
            let Some(marker) = self.queue.take(UnixTime::now()) else {
                return;
            };
            let (runner, open) = (Arc::clone(&self.runner), self.open.clone());
            self.running.spawn(async move {
                let again_at = advance(&runner, &open, &marker).await;
                (marker, again_at)
            });
        }
    }

    fn ended(&mut self, ended: Result<(ObjectName, Option<UnixTime>), JoinError>) {
        match ended {
            Ok((marker, Some(due_at))) => self.queue.postpone(marker, due_at),
            Ok((marker, None)) => self.queue.forget(&marker),
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(error) => tracing::error!(%error, "a step was cancelled"),
            },
        }
    }

    /// Begins a search if one is due and the one before is through, however long that takes.
    fn search_if_due(&mut self) {
        if self.is_search_due && self.search.is_done() {
            self.is_search_due = false;
            self.searched = self.served();
            self.search = self.open.list(self.searched.clone()).boxed().fuse();
        }
    }

    fn found(&mut self, found: Option<Result<ObjectName, StoreError>>) {
        match found {
            None => {}
            Some(Ok(marker)) => self.queue.offer(marker),
            Some(Err(error)) => tracing::warn!(%error, "the search for open keys broke off, the next one goes on"),
        }
    }

    /// The names of the markers of all keys that the pod serves.
    fn served(&self) -> Vec<NameRange> {
        let slices = self.slicelet.served_slices();
        let markers = slices.iter().map(|slice| {
            let end = slice.end().map(|end| end.to_bytes());
            self.open.slice(&slice.start().to_bytes(), end.as_deref())
        });
        markers.collect()
    }
}

/// Does what can be done for a key now; answers when it is to be done again, if it is.
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
            tracing::warn!(%marker, %error, "progress cannot be read or noted, trying again");
            return Some(UnixTime::now() + PAUSE);
        }
    };
    if let Err(error) = unmarked {
        tracing::warn!(%marker, %error, "the marker stays until the next search");
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
