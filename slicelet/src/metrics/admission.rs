//! Metrics of admission to object storage.

use std::time::Duration;

use emberkeep_core::slicelet::admission::Admission;
use emberkeep_runtime::labelled_registry::LabelledRegistry;
use prometheus::{Gauge, Histogram, IntCounter, IntGauge};

/// Admission to object storage: queue, limits and rejections. Clones share the metrics.
#[derive(Debug, Clone)]
pub(crate) struct AdmissionMetrics {
    pub(crate) waiting: IntGauge,
    pub(crate) running: IntGauge,
    pub(crate) refused: IntCounter,
    limit: IntGauge,
    rate: Gauge,
    wait_seconds: Histogram,
}

impl AdmissionMetrics {
    pub(super) fn new(of_target: &LabelledRegistry<'_>) -> Self {
        Self {
            waiting: of_target.gauge(
                "emberkeep_slicelet_store_waiting_requests",
                "Requests of object storage waiting for admission",
            ),
            running: of_target.gauge(
                "emberkeep_slicelet_store_running_requests",
                "Requests of object storage in progress",
            ),
            refused: of_target.counter(
                "emberkeep_slicelet_store_refused_total",
                "Requests of object storage rejected because they could not be admitted by their deadline",
            ),
            limit: of_target.gauge(
                "emberkeep_slicelet_store_concurrency_limit",
                "Requests of object storage allowed in progress at a time",
            ),
            rate: of_target.real_gauge(
                "emberkeep_slicelet_store_granted_rate",
                "Requests of object storage per second granted by the assigner, +Inf without a limit",
            ),
            wait_seconds: of_target.histogram(
                "emberkeep_slicelet_store_wait_seconds",
                "Wait of a request of object storage for admission",
            ),
        }
    }

    /// Records the wait of an admitted request.
    pub(crate) fn record_wait(&self, waited: Duration) {
        self.wait_seconds.observe(waited.as_secs_f64());
    }

    /// Sets the gauges to the present state of `admission`.
    pub(crate) fn show(&self, admission: &Admission) {
        self.waiting.set(admission.waiting_count() as i64);
        self.running.set(admission.running_count() as i64);
        self.limit.set(admission.limit() as i64);
        let rate = admission.rate().map(|rate| rate.milli() as f64 / 1_000.0);
        self.rate.set(rate.unwrap_or(f64::INFINITY));
    }
}
