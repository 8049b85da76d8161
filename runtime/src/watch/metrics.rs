//! What a watcher measures of its watch.

use prometheus::IntCounterVec;

use super::watch_error::WatchError;
use crate::age_gauge::AgeGauge;

/// The metrics of one watcher; the role names and registers them.
#[derive(Debug, Clone)]
pub struct WatchMetrics {
    assignment_age: AgeGauge,
    failures: IntCounterVec,
}

impl WatchMetrics {
    /// `assignment_age` is the time since a source last confirmed the held assignment: 0 while a watch is established, since
    /// its source then sends every change. `failures` counts the watches that ended, with the label `reason`.
    #[must_use]
    pub fn new(assignment_age: AgeGauge, failures: IntCounterVec) -> Self {
        for reason in WatchError::LABELS {
            failures.with_label_values(&[reason]);
        }
        Self {
            assignment_age,
            failures,
        }
    }

    pub(super) fn on_accepted(&self) {
        self.assignment_age.on_confirmation_gained();
    }

    pub(super) fn on_ended(&self, error: &WatchError) {
        self.assignment_age.on_confirmation_lost();
        self.failures.with_label_values(&[error.label()]).inc();
    }
}
