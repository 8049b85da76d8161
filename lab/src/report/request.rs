//! A completed request and its outcome.

use std::time::Duration;

/// One request and its outcome. Times count from the start of the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CompletedRequest {
    /// The key's index in the trace's list of keys.
    pub(crate) key: usize,
    /// The time at which the request was due.
    pub(crate) due: Duration,
    /// The time of the answer or the error.
    pub(crate) at: Duration,
    pub(crate) outcome: RequestOutcome,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RequestOutcome {
    /// The expected value of the key.
    Right { was_warm: bool },
    /// A value of another key, or a damaged one.
    Wrong,
    /// An error, counted under this kind.
    Failed { kind: &'static str },
}

impl CompletedRequest {
    /// Counted from when the request was due, so that a stall of the sender is not hidden.
    pub(crate) const fn latency(&self) -> Duration {
        self.at.saturating_sub(self.due)
    }
}
