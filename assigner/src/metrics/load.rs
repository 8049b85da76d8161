//! The metrics of load and balance, by the estimate of the leading brain.

use emberkeep_core::assigner::LoadSummary;
use emberkeep_core::load::{Load, LoadReport};
use emberkeep_core::pod::PodName;
use emberkeep_core::target::TargetName;
use emberkeep_runtime::metric_registry::MetricRegistry;
use prometheus::{GaugeVec, IntGaugeVec, Opts};

use super::pod_gauges::PodGauges;

/// The metrics of load and balance. Clones share them.
#[derive(Debug, Clone)]
pub(super) struct LoadMetrics {
    measured: PodGauges,
    planned: PodGauges,
    of_equal_part: PodGauges,
    total: GaugeVec,
    mean: GaugeVec,
    band: GaugeVec,
    hot_keys: IntGaugeVec,
    move_budget_used: GaugeVec,
}

impl LoadMetrics {
    pub(super) fn new(registry: &MetricRegistry) -> Self {
        let opts = |name: &str, help: &str| Opts::new(format!("emberkeep_assigner_{name}"), help);
        let gauge = |name, help, labels: &[&str]| registry.registered(GaugeVec::new(opts(name, help), labels));
        let of_pod = |name, help| PodGauges::new(gauge(name, help, &["target", "pod"]));
        let hot_keys = opts("hot_keys", "Keys that are known to be hot.");
        Self {
            measured: of_pod("pod_load_units", "Load of a pod by its last report, in units a second."),
            planned: of_pod(
                "pod_planned_load_units",
                "Load of a pod once all moves under way are complete, in units a second.",
            ),
            of_equal_part: of_pod(
                "pod_static_load_units",
                "Load of a pod if each pod owned an equal part of the key space, in units a second.",
            ),
            total: gauge("load_units", "Load of all keys, in units a second.", &["target"]),
            mean: gauge(
                "load_mean_units",
                "Load of a pod of weight 1 if all were equally loaded, with the reserve of the balancer, in units a second.",
                &["target"],
            ),
            band: gauge(
                "load_band_units",
                "Edges of the load that a pod of weight 1 should carry, in units a second.",
                &["target", "edge"],
            ),
            hot_keys: registry.registered(IntGaugeVec::new(hot_keys, &["target"])),
            move_budget_used: gauge(
                "move_budget_used_ratio",
                "Used share of the load that may move for balance in ten minutes.",
                &["target"],
            ),
        }
    }

    pub(super) fn record_report(&self, target: &TargetName, pod: &PodName, report: &LoadReport) {
        self.measured.set(target, pod, units(report.total()));
    }

    /// Removes the measured load of a disconnected pod.
    pub(super) fn on_pod_left(&self, target: &TargetName, pod: &PodName) {
        self.measured.remove(target, pod);
    }

    pub(super) fn record_summary(&self, target: &TargetName, summary: &LoadSummary) {
        let pods = || summary.pods.iter();
        self.planned
            .replace(target, pods().map(|(name, pod)| (name, units(pod.planned))));
        self.of_equal_part
            .replace(target, pods().map(|(name, pod)| (name, units(pod.of_equal_part))));
        let target = target.as_str();
        self.total.with_label_values(&[target]).set(units(summary.total));
        self.mean.with_label_values(&[target]).set(units(summary.band.mean));
        for (edge, load) in [("low", summary.band.lower), ("high", summary.band.upper)] {
            self.band.with_label_values(&[target, edge]).set(units(load));
        }
        let hot_keys = i64::try_from(summary.hot_key_count).unwrap_or(i64::MAX);
        self.hot_keys.with_label_values(&[target]).set(hot_keys);
        let used = summary.move_budget_used as f64 / 1_000.0;
        self.move_budget_used.with_label_values(&[target]).set(used);
    }

    /// Removes everything that only a leader knows.
    pub(super) fn on_term_ended(&self) {
        for pods in [&self.measured, &self.planned, &self.of_equal_part] {
            pods.clear();
        }
        for gauge in [&self.total, &self.mean, &self.band, &self.move_budget_used] {
            gauge.reset();
        }
        self.hot_keys.reset();
    }
}

fn units(load: Load) -> f64 {
    load.milli() as f64 / 1_000.0
}
