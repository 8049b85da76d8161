//! Waiting between attempts: bounded in time for one request, and in number for all requests of a clerk.

use std::sync::Arc;

use emberkeep_runtime::backoff::Backoff;
use emberkeep_runtime::watch::AssignmentSnapshot;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, sleep_until};

use crate::ClerkError;
use crate::directory::Directory;
use crate::settings::ClerkSettings;

/// Bounds the number of requests that wait at the same time. Clones share the limit.
#[derive(Debug, Clone)]
pub(crate) struct WaitLimit {
    permits: Arc<Semaphore>,
    limit: usize,
}

impl WaitLimit {
    pub(crate) fn new(limit: usize) -> Self {
        let limit = limit.min(Semaphore::MAX_PERMITS);
        Self {
            permits: Arc::new(Semaphore::new(limit)),
            limit,
        }
    }

    /// The number of requests that hold a permit.
    pub(crate) fn waiting_count(&self) -> usize {
        self.limit - self.permits.available_permits()
    }
}

/// The waiting time of one request. The first pause takes a permit of the [`WaitLimit`] and keeps it until the request
/// ends; a request that never waits stores only a pointer.
#[derive(Default)]
pub(crate) struct RetryWait(Option<Box<StartedWait>>);

struct StartedWait {
    until: Instant,
    backoff: Backoff,
    newest: watch::Receiver<Option<AssignmentSnapshot>>,
    _permit: OwnedSemaphorePermit,
}

/// The limit that makes a request fail instead of waiting for the next attempt.
#[derive(Debug)]
pub(crate) enum WaitError {
    /// `retry_wait_max` has passed since the first pause of the request.
    TimeUp,
    /// As many requests of the clerk wait as its limit allows.
    LimitReached { limit: usize },
}

impl WaitError {
    /// The error returned to the caller; `reason` is the error of the last attempt.
    pub(crate) fn because_of(self, reason: ClerkError) -> ClerkError {
        match self {
            Self::TimeUp => reason,
            Self::LimitReached { limit } => ClerkError::TooManyWaiting {
                limit,
                reason: Box::new(reason),
            },
        }
    }
}

impl RetryWait {
    /// Waits for a new assignment, but no longer than the next backoff delay: pods can recover without a new one.
    pub(crate) async fn pause(
        &mut self,
        directory: &Directory,
        limit: &WaitLimit,
        settings: &ClerkSettings,
    ) -> Result<(), WaitError> {
        let started = match &mut self.0 {
            Some(started) => started,
            none => none.insert(Box::new(StartedWait::start(directory, limit, settings)?)),
        };
        started.pause().await
    }
}

impl StartedWait {
    fn start(directory: &Directory, limit: &WaitLimit, settings: &ClerkSettings) -> Result<Self, WaitError> {
        let permit = Arc::clone(&limit.permits).try_acquire_owned();
        Ok(Self {
            until: Instant::now() + settings.retry_wait_max,
            backoff: Backoff::new(settings.pause_first, settings.pause_max),
            newest: directory.newest(),
            _permit: permit.map_err(|_| WaitError::LimitReached { limit: limit.limit })?,
        })
    }

    async fn pause(&mut self) -> Result<(), WaitError> {
        if Instant::now() >= self.until {
            return Err(WaitError::TimeUp);
        }
        let next_attempt = (Instant::now() + self.backoff.next_delay()).min(self.until);
        tokio::select! {
            _ = self.newest.changed() => {}
            () = sleep_until(next_attempt) => {}
        }
        Ok(())
    }
}
