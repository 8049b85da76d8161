//! Counters of a clerk.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::ClerkError;

/// Counts since the clerk was built, and gauges of one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ClerkStats {
    /// Requests started, whatever their result.
    pub requests: u64,
    /// Retries: attempts after the first one of a request.
    pub retried: u64,
    /// Answers of pods that did not own the key, whether they rejected or forwarded the request.
    pub misrouted: u64,
    /// Reports of unreachable pods to the assigner.
    pub reported: u64,
    /// Requests that are waiting for a pod at this moment.
    pub waiting: u64,
    /// Requests that failed without an answer of a pod.
    pub failed: FailedByKind,
}

/// Requests that failed without an answer of a pod, by reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FailedByKind {
    /// The key or the body was invalid.
    pub refused: u64,
    /// There was no assignment, or the slice had no owner.
    pub no_owner: u64,
    /// The limit of waiting requests was reached.
    pub too_many_waiting: u64,
    /// The pod was unreachable and did not receive the request.
    pub unreachable: u64,
    /// The connection broke before the answer.
    pub broken: u64,
    /// The deadline passed before the answer.
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
    pub(crate) fn record_failure(&self, error: &ClerkError) {
        let counter = match error {
            ClerkError::BadName(_)
            | ClerkError::BadAddress(_)
            | ClerkError::NoSources
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
