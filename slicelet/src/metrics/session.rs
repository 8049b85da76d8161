//! Metrics of the session with the assigner.

use emberkeep_runtime::age_gauge::AgeGauge;
use emberkeep_runtime::labelled_registry::LabelledRegistry;
use prometheus::{IntCounterVec, IntGauge};

/// Why a connection to the assigner failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SessionFailure {
    /// The address of the assigner cannot be used.
    BadAddress,
    /// The assigner ended it with a status: it does not lead, or rejects the pod.
    Rejected,
    /// The assigner did not answer the registration in time.
    TimedOut,
    /// The assigner violated the protocol.
    Invalid,
    /// The assigner or this pod ended it without a status.
    Ended,
}

impl SessionFailure {
    const ALL: [Self; 5] = [
        Self::BadAddress,
        Self::Rejected,
        Self::TimedOut,
        Self::Invalid,
        Self::Ended,
    ];

    const fn label(self) -> &'static str {
        match self {
            Self::BadAddress => "bad_address",
            Self::Rejected => "rejected",
            Self::TimedOut => "timed_out",
            Self::Invalid => "invalid",
            Self::Ended => "ended",
        }
    }
}

/// The state of the session, and its failures. Clones share the metrics.
#[derive(Debug, Clone)]
pub(crate) struct SessionMetrics {
    is_connected: IntGauge,
    assignment_age: AgeGauge,
    failures: IntCounterVec,
}

impl SessionMetrics {
    pub(super) fn new(of_target: &LabelledRegistry<'_>) -> Self {
        let failures = of_target.counters(
            "emberkeep_slicelet_session_failures_total",
            "Connections to the assigner that were rejected or ended, by reason",
            "reason",
        );
        for failure in SessionFailure::ALL {
            failures.with_label_values(&[failure.label()]);
        }
        Self {
            is_connected: of_target.gauge(
                "emberkeep_slicelet_is_connected",
                "1 while the session with the assigner is established, else 0",
            ),
            assignment_age: of_target.age_gauge(
                "emberkeep_slicelet_assignment_age_seconds",
                "Time since the assigner last confirmed the assignment in use; 0 while the session is established",
            ),
            failures,
        }
    }

    pub(crate) fn on_connected(&self) {
        self.is_connected.set(1);
        self.assignment_age.on_confirmation_gained();
    }

    pub(crate) fn on_disconnected(&self) {
        self.is_connected.set(0);
        self.assignment_age.on_confirmation_lost();
    }

    pub(crate) fn record_failure(&self, failure: SessionFailure) {
        self.failures.with_label_values(&[failure.label()]).inc();
    }
}
