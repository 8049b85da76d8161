//! What a clerk counts.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::ClerkError;

/// Counts since the clerk was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ClerkStats {
    /// Requests that were begun.
    pub requests: u64,
    /// Further attempts of requests.
    pub retried: u64,
    /// Answers of pods that did not own the key, be it that they sent the request on to the owner.
    pub misrouted: u64,
    /// Reports to the assigner of pods that could not be reached.
    pub reported: u64,
    /// Requests that wait for a pod right now.
    pub waiting: u64,
    /// Requests that no pod answered.
    pub failed: FailedByKind,
}

/// Requests that no pod answered, by reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FailedByKind {
    /// The key or the body was not allowed.
    pub refused: u64,
    /// No assignment, or no owner of the slice.
    pub no_owner: u64,
    /// Too many requests waited already.
    pub too_many_waiting: u64,
    /// The pod was not reached.
    pub unreachable: u64,
    /// The connection broke before there was an answer.
    pub broken: u64,
    /// The time was over.
    pub deadline_exceeded: u64,
}

/// The counters behind [`ClerkStats`].
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) requests: AtomicU64,
    pub(crate) retried: AtomicU64,
    pub(crate) misrouted: AtomicU64,
    pub(crate) reported: AtomicU64,
    refused: AtomicU64,
    no_owner: AtomicU64,
    too_many_waiting: AtomicU64,
    unreachable: AtomicU64,
    broken: AtomicU64,
    deadline_exceeded: AtomicU64,
}

impl Counters {
    pub(crate) fn failed(&self, error: &ClerkError) {
        let counter = match error {
            ClerkError::BadName(_)
            | ClerkError::BadAddress(_)
            | ClerkError::NobodyToAsk
            | ClerkError::KeyTooLong(_)
            | ClerkError::BodyTooLarge { .. }
            | ClerkError::BodyFailed(_) => &self.refused,
            ClerkError::NoAssignment | ClerkError::NoOwner { .. } => &self.no_owner,
            ClerkError::TooManyWaiting { .. } => &self.too_many_waiting,
            ClerkError::Unreachable { .. } => &self.unreachable,
            ClerkError::Broken { .. } => &self.broken,
            ClerkError::DeadlineExceeded { .. } => &self.deadline_exceeded,
        };
        counter.fetch_add(1, Relaxed);
    }

    pub(crate) fn read(&self, waiting: usize) -> ClerkStats {
        ClerkStats {
            requests: self.requests.load(Relaxed),
            retried: self.retried.load(Relaxed),
            misrouted: self.misrouted.load(Relaxed),
            reported: self.reported.load(Relaxed),
            waiting: waiting as u64,
            failed: FailedByKind {
                refused: self.refused.load(Relaxed),
                no_owner: self.no_owner.load(Relaxed),
                too_many_waiting: self.too_many_waiting.load(Relaxed),
                unreachable: self.unreachable.load(Relaxed),
                broken: self.broken.load(Relaxed),
                deadline_exceeded: self.deadline_exceeded.load(Relaxed),
            },
        }
    }
}
