//! The counts of a clerk, for its owner.

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
