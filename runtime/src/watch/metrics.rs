//! What a watcher measures of its watch.

use prometheus::IntCounterVec;

use super::watch_error::WatchError;
use crate::age_gauge::AgeGauge;

/// The metrics of one watcher; the role names and registers them.
#[derive(Debug, Clone)]
pub struct WatchMetrics {
    /// The time since a source last confirmed the held assignment: 0 while a watch is established, since its source then
    /// sends every change.
    pub assignment_age: AgeGauge,
    /// The watches that failed, with the label `reason`.
    pub failures: IntCounterVec,
}

impl WatchMetrics {
    pub(super) fn on_accepted(&self) {
        self.assignment_age.on_confirmation_gained();
    }

    pub(super) fn on_ended(&self, error: &WatchError) {
        self.assignment_age.on_confirmation_lost();
        self.failures.with_label_values(&[error.label()]).inc();
    }
}
