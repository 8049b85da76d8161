//! The metrics of handoffs: phases, switches, and how long a slice takes to its new owner.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use emberkeep_core::assignment::{Assignment, Phase};
use emberkeep_core::balancer::DecisionReport;
use emberkeep_core::keyspace::SliceKey;
use emberkeep_core::pod::PodName;
use emberkeep_core::target::TargetName;
use emberkeep_runtime::metric_registry::MetricRegistry;
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts};
use tokio::time::Instant;

/// The metrics of slices on their way to a new owner. Clones share them.
#[derive(Debug, Clone)]
pub(super) struct HandoffMetrics {
    replicas: IntGaugeVec,
    switches: IntCounterVec,
    handoff_seconds: HistogramVec,
    warming_since: Arc<Mutex<BTreeMap<TargetName, WarmingSince>>>,
}

/// When this member first saw each warming replica, by the start of its slice and its pod.
type WarmingSince = BTreeMap<(SliceKey, PodName), Instant>;

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

/// From 10 ms, doubling to 164 s: a handoff takes at least a round of Raft, and at most its timeout and the wait for a slot.
fn handoff_opts() -> HistogramOpts {
    let buckets = prometheus::exponential_buckets(0.01, 2.0, 15).expect("start, factor and count are valid");
    HistogramOpts::new(
        "emberkeep_assigner_handoff_seconds",
        "Time from the decision to move a slice until its new owner serves it, as this member applied both.",
    )
    .buckets(buckets)
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
            handoff_seconds: registry.registered(HistogramVec::new(handoff_opts(), &["target"])),
            warming_since: Arc::default(),
        }
    }

    pub(super) fn create_series(&self, target: &TargetName) {
        self.switches.with_label_values(&[target.as_str()]);
        self.handoff_seconds.with_label_values(&[target.as_str()]);
    }

    pub(super) fn record_applied(&self, target: &TargetName, assignment: &Assignment) {
        let mut counts = [0_i64; PHASES.len()];
        let mut all = self.warming_since.lock().unwrap_or_else(PoisonError::into_inner);
        let known = all.remove(target).unwrap_or_default();
        let (mut warming, now) = (WarmingSince::new(), Instant::now());
        for (slice, state) in assignment.slices().iter() {
            for replica in state.replicas.iter() {
                counts[phase_number(replica.phase)] += 1;
                if replica.phase == Phase::Serving && known.is_empty() {
                    continue;
                }
                let key = || (slice.start().clone(), assignment.pod(replica.pod).name.clone());
                match replica.phase {
                    Phase::Warming => {
                        let key = key();
                        let since = known.get(&key).copied().unwrap_or(now);
                        warming.insert(key, since);
                    }
                    Phase::Serving => {
                        if let Some(since) = known.get(&key()) {
                            let took = now.duration_since(*since).as_secs_f64();
                            self.handoff_seconds.with_label_values(&[target.as_str()]).observe(took);
                        }
                    }
                    Phase::Yielding | Phase::Leaving => {}
                }
            }
        }
        all.insert(target.clone(), warming);
        for (phase, count) in PHASES.into_iter().zip(counts) {
            self.replicas.with_label_values(&[target.as_str(), phase]).set(count);
        }
    }

    pub(super) fn record_decision(&self, target: &TargetName, report: &DecisionReport) {
        let count = u64::try_from(report.switch_count).unwrap_or(u64::MAX);
        self.switches.with_label_values(&[target.as_str()]).inc_by(count);
    }
}
