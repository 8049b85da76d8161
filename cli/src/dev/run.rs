//! One run: its clock, and what is counted in it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::tally::Tally;

/// Shared by all who take part in a run.
#[derive(Debug)]
pub(super) struct Run {
    start: Instant,
    tally: Mutex<Tally>,
}

impl Run {
    /// A run that starts now, over so many keys.
    pub(super) fn start(key_count: usize) -> Self {
        Self {
            start: Instant::now(),
            tally: Mutex::new(Tally::of_keys(key_count)),
        }
    }

    /// How long it has lasted.
    pub(super) fn now(&self) -> Duration {
        self.start.elapsed()
    }

    pub(super) fn instant_of(&self, moment: Duration) -> Instant {
        self.start + moment
    }

    pub(super) fn tally(&self) -> MutexGuard<'_, Tally> {
        // A count that a panic has cut short is off by one at most.
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
