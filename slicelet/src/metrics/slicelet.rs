//! All metrics of one slicelet.

use emberkeep_runtime::labelled_registry::LabelledRegistry;
use emberkeep_runtime::metric_registry::{MetricDescription, MetricRegistry};
use prometheus::{Gauge, IntCounter, IntGauge};

use super::admission::AdmissionMetrics;
use super::forward::ForwardMetrics;
use super::session::SessionMetrics;
use super::store::StoreMetrics;
use super::transfer::TransferMetrics;
use super::warm::WarmMetrics;

/// All metrics of one slicelet. Clones share the counters.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    pub(crate) registry: MetricRegistry,
    pub(crate) requests: IntCounter,
    pub(crate) hits: IntCounter,
    pub(crate) loads: IntCounter,
    pub(crate) missing_hits: IntCounter,
    pub(crate) disk_hits: IntCounter,
    pub(crate) deduplicated_requests: IntCounter,
    pub(crate) misroutes: IntCounter,
    pub(crate) forwards: ForwardMetrics,
    pub(crate) store: StoreMetrics,
    pub(crate) admission: AdmissionMetrics,
    pub(crate) warm: WarmMetrics,
    pub(crate) transfer: TransferMetrics,
    pub(crate) load_fast: Gauge,
    pub(crate) load_slow: Gauge,
    pub(crate) generation: IntGauge,
    pub(crate) owned_slices: IntGauge,
    pub(crate) session: SessionMetrics,
    pub(crate) watchers: IntGauge,
}

const LOAD_HELP: &str = "Load in cost units per second, exponentially decayed";

impl Metrics {
    /// Zeroed metrics in a registry of their own.
    pub(crate) fn new(target: &str) -> Self {
        let registry = MetricRegistry::default();
        let of_target = LabelledRegistry {
            registry: &registry,
            labels: &[("target", target)],
        };
        let load = of_target.gauges("emberkeep_slicelet_load_units", LOAD_HELP, "half_life");
        let counter = |name, help| of_target.counter(name, help);
        let gauge = |name, help| of_target.gauge(name, help);
        Self {
            requests: counter(
                "emberkeep_slicelet_requests_total",
                "Requests for keys owned by this pod",
            ),
            hits: counter(
                "emberkeep_slicelet_hits_total",
                "Requests answered without waiting for a load",
            ),
            loads: counter("emberkeep_slicelet_loads_total", "Requests that waited for a load"),
            missing_hits: counter(
                "emberkeep_slicelet_missing_hits_total",
                "Requests for a missing object answered from the negative cache, without a read of object storage",
            ),
            disk_hits: counter(
                "emberkeep_slicelet_disk_hits_total",
                "Values loaded from the disk cache without a read of object storage",
            ),
            deduplicated_requests: counter(
                "emberkeep_slicelet_deduplicated_requests_total",
                "Repeated requests that received the stored answer of the first one",
            ),
            misroutes: counter(
                "emberkeep_slicelet_misroutes_total",
                "Requests for keys not owned by this pod",
            ),
            forwards: ForwardMetrics::new(&of_target),
            store: StoreMetrics::new(&of_target),
            admission: AdmissionMetrics::new(&of_target),
            warm: WarmMetrics::new(&of_target),
            transfer: TransferMetrics::new(&of_target),
            load_fast: load.with_label_values(&["10s"]),
            load_slow: load.with_label_values(&["60s"]),
            generation: gauge(
                "emberkeep_slicelet_generation",
                "Generation of the assignment in effect on this pod",
            ),
            owned_slices: gauge(
                "emberkeep_slicelet_owned_slices",
                "Slices of which this pod is a replica in any phase",
            ),
            session: SessionMetrics::new(&of_target),
            watchers: gauge(
                "emberkeep_slicelet_watchers",
                "Watches of the assignment that are open at this pod",
            ),
            registry,
        }
    }

    /// Adds `count` requests for owned keys, and derives the hits as requests minus loads: a hit itself updates no
    /// counter.
    pub(crate) fn record_requests(&self, count: u64) {
        self.requests.inc_by(count);
        let hits = self.requests.get().saturating_sub(self.loads.get());
        self.hits.inc_by(hits.saturating_sub(self.hits.get()));
    }
}

/// Every metric of a slicelet, for the reference page.
#[doc(hidden)]
#[must_use]
pub fn metric_descriptions() -> Vec<MetricDescription> {
    Metrics::new("").registry.descriptions()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_is_named_after_its_role_and_can_be_registered() {
        let metrics = Metrics::new("profiles");
        let families = metrics.registry.gather();
        assert_eq!(families.len(), 39);
        assert!(
            families
                .iter()
                .all(|family| family.name().starts_with("emberkeep_slicelet_"))
        );
    }
}
