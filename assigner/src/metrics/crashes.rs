//! The metric of crashes: how long the slices of a dead pod are without an owner.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use emberkeep_core::assigner::TargetState;
use emberkeep_core::assignment::{Assignment, SliceState};
use emberkeep_core::pod::{Pod, PodName};
use emberkeep_core::target::TargetName;
use emberkeep_runtime::metric_registry::MetricRegistry;
use prometheus::{HistogramOpts, HistogramVec};
use tokio::time::Instant;

/// The time from the last message of a pod that died to new owners of its slices. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct CrashMetrics {
    reassignment_seconds: HistogramVec,
    targets: Arc<Mutex<BTreeMap<TargetName, TargetCrashes>>>,
}

#[derive(Debug, Default)]
struct TargetCrashes {
    /// When each registered pod was last heard.
    last_heard: BTreeMap<PodName, Instant>,
    /// The dead pods whose slices are not reassigned yet, with the time of their last message.
    dead: Vec<(Pod, Instant)>,
    /// The state that was applied last.
    state: Option<Arc<TargetState>>,
}

/// From 50 ms, doubling to 205 s.
fn reassignment_opts() -> HistogramOpts {
    let buckets = prometheus::exponential_buckets(0.05, 2.0, 13).expect("start, factor and count are valid");
    HistogramOpts::new(
        "emberkeep_assigner_reassignment_seconds",
        "Time from the last message of a pod that died until all its slices have new owners, on the leader.",
    )
    .buckets(buckets)
}

impl CrashMetrics {
    pub(super) fn new(registry: &MetricRegistry) -> Self {
        Self {
            reassignment_seconds: registry.registered(HistogramVec::new(reassignment_opts(), &["target"])),
            targets: Arc::default(),
        }
    }

    pub(super) fn create_series(&self, target: &TargetName) {
        self.reassignment_seconds.with_label_values(&[target.as_str()]);
    }

    pub(super) fn on_message(&self, target: &TargetName, pod: &PodName) {
        let mut targets = self.targets();
        let crashes = targets.entry(target.clone()).or_default();
        crashes.last_heard.insert(pod.clone(), Instant::now());
    }

    pub(super) fn record_applied(&self, target: &TargetName, state: &Arc<TargetState>) {
        let mut targets = self.targets();
        let reassigned = targets.entry(target.clone()).or_default().on_applied(state);
        for since in reassigned {
            let took = since.elapsed().as_secs_f64();
            self.reassignment_seconds
                .with_label_values(&[target.as_str()])
                .observe(took);
        }
    }

    /// Another member leads: it measures the next crashes.
    pub(super) fn on_term_ended(&self) {
        self.targets().clear();
    }

    fn targets(&self) -> MutexGuard<'_, BTreeMap<TargetName, TargetCrashes>> {
        self.targets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TargetCrashes {
    /// Follows a new state; returns the last messages of the dead pods whose slices all have new owners in it.
    fn on_applied(&mut self, state: &Arc<TargetState>) -> Vec<Instant> {
        if let Some(before) = self.state.replace(Arc::clone(state)) {
            let removed = before.pods.iter().filter(|(name, _)| !state.pods.contains_key(*name));
            for (name, record) in removed {
                let heard = self.last_heard.remove(name);
                // A drained pod has left by itself.
                if let Some(heard) = heard.filter(|_| !record.is_draining) {
                    self.dead.push((record.pod.clone(), heard));
                }
            }
        }
        let assignment = &state.assignment;
        let is_pending = |pod: &Pod| owns(assignment, pod) || assignment.slices().values().any(SliceState::is_unserved);
        let dead = std::mem::take(&mut self.dead);
        let (pending, reassigned): (Vec<_>, Vec<_>) = dead.into_iter().partition(|(pod, _)| is_pending(pod));
        self.dead = pending;
        reassigned.into_iter().map(|(_, heard)| heard).collect()
    }
}

/// Whether exactly this incarnation of the pod has replicas.
fn owns(assignment: &Assignment, pod: &Pod) -> bool {
    assignment
        .pods()
        .iter()
        .any(|listed| listed.name == pod.name && listed.incarnation == pod.incarnation)
}
