//! The metrics of handoffs.

use emberkeep_core::assignment::{Assignment, Phase};
use emberkeep_core::balancer::DecisionReport;
use emberkeep_core::target::TargetName;
use emberkeep_runtime::metric_registry::MetricRegistry;
use prometheus::{IntCounterVec, IntGaugeVec, Opts};

/// The metrics of slices on their way to a new owner. Clones share the counters.
#[derive(Debug, Clone)]
pub(super) struct HandoffMetrics {
    replicas: IntGaugeVec,
    switches: IntCounterVec,
}

/// The label values of the phases, by [`phase_number`].
const PHASES: [&str; 4] = ["warming", "serving", "yielding", "leaving"];

const fn phase_number(phase: Phase) -> usize {
    match phase {
        Phase::Warming => 0,
        Phase::Serving => 1,
        Phase::Yielding => 2,
        Phase::Leaving => 3,
    }
}

impl HandoffMetrics {
    pub(super) fn new(registry: &MetricRegistry) -> Self {
        let replicas = Opts::new(
            "emberkeep_assigner_replicas",
            "Replicas by phase. A phase other than serving is part of a move.",
        );
        let switches = Opts::new(
            "emberkeep_assigner_switches_total",
            "Completed switches: slices whose new owner was ready and started to serve.",
        );
        Self {
            replicas: registry.registered(IntGaugeVec::new(replicas, &["target", "phase"])),
            switches: registry.registered(IntCounterVec::new(switches, &["target"])),
        }
    }

    pub(super) fn record_applied(&self, target: &TargetName, assignment: &Assignment) {
        let mut counts = [0_i64; PHASES.len()];
        for replica in assignment.slices().values().flat_map(|state| state.replicas.iter()) {
            counts[phase_number(replica.phase)] += 1;
        }
        for (phase, count) in PHASES.into_iter().zip(counts) {
            self.replicas.with_label_values(&[target.as_str(), phase]).set(count);
        }
    }

    pub(super) fn record_decision(&self, target: &TargetName, report: &DecisionReport) {
        let count = u64::try_from(report.switch_count).unwrap_or(u64::MAX);
        self.switches.with_label_values(&[target.as_str()]).inc_by(count);
    }
}
