//! The metrics of a slicelet; their names are here and nowhere else.

use std::time::Duration;

use emberkeep_core::slicelet::admission::Admission;
use prometheus::{Gauge, GaugeVec, Histogram, HistogramOpts, IntCounter, IntGauge, Opts, Registry};

use crate::warm::GetError;

/// What a slicelet counts. Copies count into the same.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    pub(crate) registry: Registry,
    pub(crate) requests: IntCounter,
    pub(crate) hits: IntCounter,
    pub(crate) loads: IntCounter,
    pub(crate) missing_hits: IntCounter,
    pub(crate) misroutes: IntCounter,
    pub(crate) store_reads: IntCounter,
    pub(crate) store_read_bytes: IntCounter,
    store_read_seconds: Histogram,
    pub(crate) admission: AdmissionMetrics,
    pub(crate) load_fast: Gauge,
    pub(crate) load_slow: Gauge,
    pub(crate) generation: IntGauge,
    pub(crate) owned_slices: IntGauge,
    pub(crate) warm_bytes: IntGauge,
    pub(crate) warm_keys: IntGauge,
    pub(crate) is_connected: IntGauge,
}

impl Metrics {
    /// All at nothing, in a registry of their own.
    pub(crate) fn new(target: &str) -> Self {
        let registry = Registry::new();
        let named = Named {
            registry: &registry,
            target,
        };
        let load = named.gauges(
            "emberkeep_slicelet_load_units",
            "Load in cost units a second, decayed",
            "half_life",
        );
        Self {
            requests: named.counter(
                "emberkeep_slicelet_requests_total",
                "Requests for keys that the pod owned",
            ),
            hits: named.counter(
                "emberkeep_slicelet_hits_total",
                "Requests that did not wait for a value to be loaded",
            ),
            loads: named.counter(
                "emberkeep_slicelet_loads_total",
                "Requests that waited for a value to be loaded",
            ),
            missing_hits: named.counter(
                "emberkeep_slicelet_missing_hits_total",
                "Answers that there is no object, known without a read",
            ),
            misroutes: named.counter(
                "emberkeep_slicelet_misroutes_total",
                "Requests for keys that the pod did not own",
            ),
            store_reads: named.counter("emberkeep_slicelet_store_reads_total", "Reads of object storage"),
            store_read_bytes: named.counter(
                "emberkeep_slicelet_store_read_bytes_total",
                "Bytes read from object storage",
            ),
            store_read_seconds: named.histogram(
                "emberkeep_slicelet_store_read_seconds",
                "How long a read of object storage took",
            ),
            admission: AdmissionMetrics::new(&named),
            load_fast: load.with_label_values(&["10s"]),
            load_slow: load.with_label_values(&["60s"]),
            generation: named.gauge(
                "emberkeep_slicelet_generation",
                "The generation of the assignment that the pod goes by",
            ),
            owned_slices: named.gauge("emberkeep_slicelet_owned_slices", "Slices in which the pod has a share"),
            warm_bytes: named.gauge("emberkeep_slicelet_warm_bytes", "Memory taken by warm values"),
            warm_keys: named.gauge("emberkeep_slicelet_warm_keys", "Keys with a warm value"),
            is_connected: named.gauge(
                "emberkeep_slicelet_is_connected",
                "Whether the session with the assigner is up",
            ),
            registry,
        }
    }

    /// So many requests were made since the last time. Those that did not wait for a load were hits: counted like this,
    /// a hit costs nothing when it happens.
    pub(crate) fn requests_made(&self, count: u64) {
        self.requests.inc_by(count);
        let hits = self.requests.get().saturating_sub(self.loads.get());
        self.hits.inc_by(hits.saturating_sub(self.hits.get()));
    }

    /// A read of the store has ended.
    pub(crate) fn store_read(&self, size: usize, took: Duration) {
        self.store_reads.inc();
        self.store_read_bytes.inc_by(size as u64);
        self.store_read_seconds.observe(took.as_secs_f64());
    }

    /// Counts an answer that was known without a read, if it is that there is no object.
    pub(crate) fn count_if_missing<V>(&self, answer: &Result<V, GetError>) {
        if matches!(answer, Err(GetError::NotFound)) {
            self.missing_hits.inc();
        }
    }
}

/// What stands between the pod and its object store. Copies count into the same.
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
    fn new(named: &Named<'_>) -> Self {
        Self {
            waiting: named.gauge(
                "emberkeep_slicelet_store_waiting_requests",
                "Requests of object storage that wait for their turn",
            ),
            running: named.gauge(
                "emberkeep_slicelet_store_running_requests",
                "Requests of object storage that are under way",
            ),
            refused: named.counter(
                "emberkeep_slicelet_store_refused_total",
                "Requests of object storage that could not be made in time",
            ),
            limit: named.gauge(
                "emberkeep_slicelet_store_concurrency_limit",
                "Requests of object storage that may be under way",
            ),
            rate: named.real_gauge(
                "emberkeep_slicelet_store_granted_rate",
                "Requests of object storage a second that the assigner grants the pod, +Inf for any number",
            ),
            wait_seconds: named.histogram(
                "emberkeep_slicelet_store_wait_seconds",
                "How long a request of object storage waited for its turn",
            ),
        }
    }

    /// A request was let through after it had waited for so long.
    pub(crate) fn admitted(&self, waited: Duration) {
        self.wait_seconds.observe(waited.as_secs_f64());
    }

    /// How things are now.
    pub(crate) fn show(&self, admission: &Admission) {
        self.waiting.set(admission.waiting_count() as i64);
        self.running.set(admission.running_count() as i64);
        self.limit.set(admission.limit() as i64);
        let rate = admission.rate().map(|rate| rate.milli() as f64 / 1_000.0);
        self.rate.set(rate.unwrap_or(f64::INFINITY));
    }
}

/// Makes metrics by name, each with the target as a label.
struct Named<'a> {
    registry: &'a Registry,
    target: &'a str,
}

impl Named<'_> {
    fn opts(&self, name: &str, help: &str) -> Opts {
        Opts::new(name, help).const_label("target", self.target)
    }

    fn counter(&self, name: &str, help: &str) -> IntCounter {
        self.registered(IntCounter::with_opts(self.opts(name, help)))
    }

    fn gauge(&self, name: &str, help: &str) -> IntGauge {
        self.registered(IntGauge::with_opts(self.opts(name, help)))
    }

    fn real_gauge(&self, name: &str, help: &str) -> Gauge {
        self.registered(Gauge::with_opts(self.opts(name, help)))
    }

    fn gauges(&self, name: &str, help: &str, label: &str) -> GaugeVec {
        self.registered(GaugeVec::new(self.opts(name, help), &[label]))
    }

    fn histogram(&self, name: &str, help: &str) -> Histogram {
        let buckets = prometheus::exponential_buckets(0.000_25, 2.0, 16).expect("start, factor and count are allowed");
        let opts = HistogramOpts::from(self.opts(name, help)).buckets(buckets);
        self.registered(Histogram::with_opts(opts))
    }

    fn registered<M>(&self, metric: prometheus::Result<M>) -> M
    where
        M: prometheus::core::Collector + Clone + 'static,
    {
        let metric = metric.expect("the names in this file are valid");
        self.registry
            .register(Box::new(metric.clone()))
            .expect("no name in this file comes twice");
        metric
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_is_named_after_its_role_and_can_be_registered() {
        let metrics = Metrics::new("profiles");
        let families = metrics.registry.gather();
        assert_eq!(families.len(), 20);
        assert!(
            families
                .iter()
                .all(|family| family.name().starts_with("emberkeep_slicelet_"))
        );
    }
}
