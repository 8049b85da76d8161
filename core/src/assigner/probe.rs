//! Probes of a pod's advertised address: their outcomes, and when the next one is due.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// The outcome of a probe of a pod's advertised address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProbeOutcome {
    /// The address accepts connections: the pod is alive, only its session failed.
    Answered,
    /// The address refuses connections: the process is gone.
    Refused,
    /// No answer within [`PROBE_DEADLINE`], or the connection broke off.
    Silent,
}

/// How long a probe may take before it counts as [`ProbeOutcome::Silent`].
pub const PROBE_DEADLINE: Duration = Duration::from_secs(1);

/// The shortest interval between two probes of which the first broke off before its deadline.
const RETRY_INTERVAL: Duration = Duration::from_millis(50);

/// The interval to the next probe of a suspect after a conclusive outcome.
pub(super) const PROBE_INTERVAL: Duration = Duration::from_millis(500);

/// When the last probe of one pod was sent, and when the next one is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ProbeSchedule {
    sent_at: Timestamp,
    pub(super) next_at: Timestamp,
}

impl ProbeSchedule {
    /// The schedule before the first probe, which is due at `next_at`.
    pub(super) const fn starting_at(next_at: Timestamp) -> Self {
        let sent_at = Timestamp::ZERO;
        Self { sent_at, next_at }
    }

    /// The schedule after a probe at `now`. If its outcome never arrives, the next one is due after two deadlines.
    pub(super) fn sent(now: Timestamp) -> Self {
        Self {
            sent_at: now,
            next_at: now + PROBE_DEADLINE * 2,
        }
    }

    /// Schedules the next probe at once after a silent one. It may be conclusive: a process that is just exiting accepts
    /// connections that it never serves.
    pub(super) fn retried(self, now: Timestamp) -> Self {
        Self {
            next_at: now.max(self.sent_at + RETRY_INTERVAL),
            ..self
        }
    }

    pub(super) fn next_probe_at(self, next_at: Timestamp) -> Self {
        Self { next_at, ..self }
    }
}
