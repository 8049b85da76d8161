//! A target: the inputs of the production balancer and its last decision, called as the assigner calls it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use emberkeep_core::assignment::{Assignment, Phase};
use emberkeep_core::balancer::{self, BalancerSettings, MoveHistory, PodSignal, Scope, Signals, WarmReplicas};
use emberkeep_core::keyspace::SliceKey;
use emberkeep_core::load::LoadMap;
use emberkeep_core::pod::{Incarnation, Pod, PodAddress, PodName};
use emberkeep_core::time::Timestamp;

use crate::load_trace::{LoadTrace, PodId};
use crate::ownership::OwnershipMap;
use crate::replay::{Moment, Stopwatch, TraceState};

/// The state around [`balancer::decide`]. Leaving replicas are gone by the next decision, because a trace has no handoff time.
pub(crate) struct Target {
    settings: BalancerSettings,
    assignment: Arc<Assignment>,
    signals: Signals,
    pod_ids: BTreeMap<PodName, PodId>,
}

impl Target {
    /// A target without assignment and load.
    pub(crate) fn new(trace: &LoadTrace) -> Self {
        Self {
            settings: trace.config().balancer_settings(),
            assignment: Arc::new(Assignment::unassigned()),
            signals: Signals {
                pods: BTreeMap::new(),
                load: LoadMap::idle(),
                lingered: BTreeSet::new(),
                warm: WarmReplicas::All,
                scope: Scope::Repair,
                recent_moves: MoveHistory::default(),
                pins: Vec::new(),
                poisoned: Vec::new(),
            },
            pod_ids: trace.pods().iter().cloned().zip((0..).map(PodId)).collect(),
        }
    }

    /// Updates pods and scope for the decision at `moment`.
    pub(crate) fn observe(&mut self, state: &TraceState<'_>, moment: Moment) {
        if state.has_new_pods() {
            self.signals.pods = state.live().map(|pod| signal_of(pod, state)).collect();
        }
        self.signals.lingered = leaving(&self.assignment);
        self.signals.scope = if moment.is_round { Scope::Balance } else { Scope::Repair };
    }

    /// Replaces the load signals.
    pub(crate) fn set_load(&mut self, load: LoadMap) {
        self.signals.load = load;
    }

    /// Decides; returns the new ownership, `None` for no change.
    pub(crate) fn decide(&mut self, now: Timestamp, stopwatch: &mut Stopwatch<'_>) -> Option<OwnershipMap> {
        let decision = stopwatch.time(|| balancer::decide(&self.assignment, &self.signals, &self.settings, now));
        self.signals.recent_moves.record(&decision.report);
        self.assignment = Arc::new(decision.next?);
        Some(self.ownership())
    }

    /// The last decided assignment.
    pub(crate) const fn assignment(&self) -> &Arc<Assignment> {
        &self.assignment
    }

    fn ownership(&self) -> OwnershipMap {
        let pods: Vec<PodId> = self
            .assignment
            .pods()
            .iter()
            .map(|pod| self.pod_ids[&pod.name])
            .collect();
        let slices = self.assignment.slices();
        let owners = slices.values().map(|state| {
            let serving = state.replicas.serving();
            serving.map(|pod| pods[pod.as_usize()]).collect()
        });
        OwnershipMap::from_starts(slices.starts().cloned().zip(owners))
    }
}

/// The signal of a live pod. A trace contains only names, so the address is made up.
fn signal_of(pod: PodId, state: &TraceState<'_>) -> (PodName, PodSignal) {
    let name = state.name(pod).clone();
    let address = PodAddress::try_new(&format!("pod-{}:7000", pod.0)).expect("a host and a port");
    let pod = Pod::new(name.clone(), incarnation_of(pod, state), address);
    let signal = PodSignal { pod, may_own: true };
    (name, signal)
}

/// The incarnation of a pod, by its id and how often it has joined.
pub(crate) fn incarnation_of(pod: PodId, state: &TraceState<'_>) -> Incarnation {
    Incarnation(u128::from(pod.0) << 32 | u128::from(state.join_count(pod)))
}

fn leaving(assignment: &Assignment) -> BTreeSet<(SliceKey, PodName)> {
    let states = assignment.slices().starts().zip(assignment.slices().values());
    let leaving = states.flat_map(|(start, state)| {
        let replicas = state.replicas.iter().filter(|replica| replica.phase == Phase::Leaving);
        replicas.map(|replica| (start.clone(), assignment.pod(replica.pod).name.clone()))
    });
    leaving.collect()
}
