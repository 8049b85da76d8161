//! One run: its clock, and what is counted in it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::reply::Reply;
use super::tally::Tally;

/// Shared by all who take part in a run.
#[derive(Debug)]
pub(crate) struct Run {
    start: Instant,
    tally: Mutex<Tally>,
    /// Every reply, where they are wanted.
    replies: Option<Mutex<Vec<Reply>>>,
}

impl Run {
    /// A run that starts now, over so many keys.
    pub(crate) fn start(key_count: usize) -> Self {
        Self {
            start: Instant::now(),
            tally: Mutex::new(Tally::of_keys(key_count)),
            replies: None,
        }
    }

    /// A run that starts now; how warm answers are counts once so much of the run is over.
    pub(super) fn start_with_warm_up(key_count: usize, warm_up: Duration) -> Self {
        let run = Self::start(key_count);
        run.tally().warms_up_for(warm_up);
        run
    }

    /// A run that starts now, and every reply is kept until it is taken.
    pub(crate) fn start_keeping_replies(key_count: usize) -> Self {
        Self {
            replies: Some(Mutex::default()),
            ..Self::start(key_count)
        }
    }

    pub(super) fn record(&self, reply: Reply) {
        self.tally().record(&reply);
        if let Some(replies) = &self.replies {
            replies.lock().unwrap_or_else(PoisonError::into_inner).push(reply);
        }
    }

    /// The replies that were kept.
    pub(crate) fn take_replies(&self) -> Vec<Reply> {
        let replies = self.replies.as_ref();
        replies.map_or_else(Vec::new, |replies| {
            std::mem::take(&mut *replies.lock().unwrap_or_else(PoisonError::into_inner))
        })
    }

    /// How long it has lasted.
    pub(crate) fn now(&self) -> Duration {
        self.start.elapsed()
    }

    pub(crate) fn instant_of(&self, moment: Duration) -> Instant {
        self.start + moment
    }

    pub(super) fn tally(&self) -> MutexGuard<'_, Tally> {
        // A count that a panic has cut short is off by one at most.
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
