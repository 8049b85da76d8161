//! Metrics of the session with the assigner.

use emberkeep_runtime::age_gauge::AgeGauge;
use emberkeep_runtime::labelled_registry::LabelledRegistry;
use prometheus::{IntCounterVec, IntGauge};

/// The state of the session, and its failures. Clones share the metrics.
#[derive(Debug, Clone)]
pub(crate) struct SessionMetrics {
    is_connected: IntGauge,
    assignment_age: AgeGauge,
    failures: IntCounterVec,
}

impl SessionMetrics {
    pub(super) fn new(of_target: &LabelledRegistry<'_>) -> Self {
        Self {
            is_connected: of_target.gauge(
                "emberkeep_slicelet_is_connected",
                "1 while the session with the assigner is established, else 0",
            ),
            assignment_age: of_target.age_gauge(
                "emberkeep_slicelet_assignment_age_seconds",
                "Time since the assigner last confirmed the assignment in use; 0 while the session is established",
            ),
            failures: of_target.counters(
                "emberkeep_slicelet_session_failures_total",
                "Connections to the assigner that were rejected or ended, by reason",
                "reason",
            ),
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

    pub(crate) fn record_failure(&self, reason: &'static str) {
        self.failures.with_label_values(&[reason]).inc();
    }
}
