//! Counting what is in progress in a gauge, however it ends.

use prometheus::IntGauge;

/// Keeps a gauge incremented until dropped.
#[derive(Debug)]
pub struct InProgress(IntGauge);

impl InProgress {
    /// Increments the gauge until the returned value is dropped.
    #[must_use]
    pub fn start(gauge: &IntGauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for InProgress {
    fn drop(&mut self) {
        self.0.dec();
    }
}
