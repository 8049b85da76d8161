//! One run: its clock and its counters.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::report::{CompletedRequest, RunTally};

/// Shared by the load driver, the disruptions and the progress display.
#[derive(Debug)]
pub(crate) struct LoadRun {
    start: Instant,
    tally: Mutex<RunTally>,
    /// All requests, if they are kept.
    completed: Option<Mutex<Vec<CompletedRequest>>>,
}

impl LoadRun {
    /// A run over this many keys that starts now.
    pub(crate) fn start(key_count: usize) -> Self {
        Self {
            start: Instant::now(),
            tally: Mutex::new(RunTally::of_keys(key_count)),
            completed: None,
        }
    }

    /// A run whose worst second is determined after the warm-up only.
    pub(crate) fn start_with_warm_up(key_count: usize, warm_up: Duration) -> Self {
        let run = Self::start(key_count);
        run.tally().exclude_warm_up(warm_up);
        run
    }

    /// A run that keeps each completed request until it is taken.
    pub(crate) fn start_keeping_requests(key_count: usize) -> Self {
        Self {
            completed: Some(Mutex::default()),
            ..Self::start(key_count)
        }
    }

    pub(crate) fn record(&self, request: CompletedRequest) {
        self.tally().record(&request);
        if let Some(completed) = &self.completed {
            completed.lock().unwrap_or_else(PoisonError::into_inner).push(request);
        }
    }

    /// The requests that were kept.
    pub(crate) fn take_requests(&self) -> Vec<CompletedRequest> {
        let completed = self.completed.as_ref();
        completed.map_or_else(Vec::new, |completed| {
            std::mem::take(&mut *completed.lock().unwrap_or_else(PoisonError::into_inner))
        })
    }

    /// The time since its start.
    pub(crate) fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// The instant of a time since its start.
    pub(crate) fn instant_of(&self, moment: Duration) -> Instant {
        self.start + moment
    }

    pub(crate) fn tally(&self) -> MutexGuard<'_, RunTally> {
        // A count that a panic has interrupted is off by one at most.
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
