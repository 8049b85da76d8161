//! The metrics of the applied state of each target.

use emberkeep_core::assigner::TargetState;
use emberkeep_core::pod::Pod;
use emberkeep_core::target::TargetName;
use emberkeep_runtime::metric_registry::MetricRegistry;
use prometheus::{IntGaugeVec, Opts};

/// Replica counts above this share a series.
const REPLICAS_MAX: usize = 8;

/// The metrics of the applied state. Clones share them.
#[derive(Debug, Clone)]
pub(super) struct StateMetrics {
    generation: IntGaugeVec,
    pods: IntGaugeVec,
    draining_pods: IntGaugeVec,
    slices: IntGaugeVec,
    slices_by_replicas: IntGaugeVec,
    unowned_slices: IntGaugeVec,
    poisoned: IntGaugeVec,
    pins: IntGaugeVec,
    is_frozen: IntGaugeVec,
}

impl StateMetrics {
    pub(super) fn new(registry: &MetricRegistry) -> Self {
        let labelled = |name: &str, help: &str, labels: &[&str]| {
            let opts = Opts::new(format!("emberkeep_assigner_{name}"), help);
            registry.registered(IntGaugeVec::new(opts, labels))
        };
        let gauge = |name, help| labelled(name, help, &["target"]);
        Self {
            generation: gauge("generation", "Newest applied generation of the target."),
            pods: gauge("pods", "Registered pods."),
            draining_pods: gauge("draining_pods", "Registered pods that drain."),
            slices: gauge("slices", "Slices in the assignment."),
            slices_by_replicas: labelled(
                "slices_by_replicas",
                "Slices by the number of pods that serve them; 8 stands for 8 and more.",
                &["target", "replicas"],
            ),
            unowned_slices: gauge("unowned_slices", "Slices that no pod serves: alert if above 0."),
            poisoned: gauge(
                "poisoned_ranges",
                "Poisoned key ranges, whose owners crashed one after the other: alert if above 0.",
            ),
            pins: gauge("pins", "Key ranges that an operator has pinned to a pod."),
            is_frozen: gauge("is_frozen", "1 while an operator has frozen the assignment."),
        }
    }

    pub(super) fn record_applied(&self, target: &TargetName, state: &TargetState) {
        let labels = &[target.as_str()];
        let set = |gauge: &IntGaugeVec, count: usize| {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            gauge.with_label_values(labels).set(count);
        };
        let (assignment, pods) = (&state.assignment, &state.pods);
        let generation = assignment.generation().number();
        self.generation.with_label_values(labels).set(generation);
        set(&self.pods, pods.len());
        set(
            &self.draining_pods,
            pods.values().filter(|record| record.is_draining).count(),
        );
        set(&self.slices, assignment.slices().slice_count());
        set(&self.poisoned, state.poisoned.len());
        set(&self.pins, state.pins().count());
        set(&self.is_frozen, state.is_frozen.into());
        self.record_replicas(target, state);
    }

    /// A pod that was removed serves nothing, also while a frozen assignment still names it.
    fn record_replicas(&self, target: &TargetName, state: &TargetState) {
        let assignment = &state.assignment;
        let is_registered = |pod: &Pod| state.pods.contains_key(&pod.name);
        let registered: Vec<bool> = assignment.pods().iter().map(is_registered).collect();
        let mut counts = [0_i64; REPLICAS_MAX + 1];
        for slice in assignment.slices().values() {
            let serving = slice.replicas.serving().filter(|pod| registered[pod.as_usize()]);
            counts[serving.count().min(REPLICAS_MAX)] += 1;
        }
        let [unowned, owned @ ..] = counts;
        self.unowned_slices.with_label_values(&[target.as_str()]).set(unowned);
        for (number, count) in (1..).zip(owned) {
            let replicas: u64 = number;
            let labels = [target.as_str(), &replicas.to_string()];
            match count {
                // Fails only if no slice ever had as many.
                0 => drop(self.slices_by_replicas.remove_label_values(&labels)),
                count => self.slices_by_replicas.with_label_values(&labels).set(count),
            }
        }
    }
}
