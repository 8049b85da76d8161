//! A target: the balancer's inputs and its last answer, called just as the assigner calls it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use emberkeep_core::assignment::{Assignment, Phase};
use emberkeep_core::balancer::{self, BalancerSettings, Ledger, PodSignal, Scope, Signals, Warmed};
use emberkeep_core::keyspace::SliceKey;
use emberkeep_core::load::LoadMap;
use emberkeep_core::pod::{Incarnation, Pod, PodAddress, PodName, Weight};
use emberkeep_core::time::Timestamp;

use crate::load_trace::{LoadTrace, PodId};
use crate::ownership::OwnershipMap;
use crate::replay::{Moment, Stopwatch, TraceState};

/// A target around [`balancer::decide`]. Replicas that are leaving are gone by the next decision, for a trace gives pods
/// no time to linger.
pub(crate) struct Target {
    settings: BalancerSettings,
    assignment: Arc<Assignment>,
    signals: Signals,
    pod_ids: BTreeMap<PodName, PodId>,
}

impl Target {
    /// Nothing is assigned yet, and no load is known.
    pub(crate) fn new(trace: &LoadTrace) -> Self {
        Self {
            settings: trace.config().balancer_settings(),
            assignment: Arc::new(Assignment::unassigned()),
            signals: Signals {
                pods: BTreeMap::new(),
                load: LoadMap::idle(),
                left: BTreeSet::new(),
                warmed: Warmed::All,
                scope: Scope::Repair,
                ledger: Ledger::default(),
                pins: Vec::new(),
                poisoned: Vec::new(),
            },
            pod_ids: trace.pods().iter().cloned().zip((0..).map(PodId)).collect(),
        }
    }

    /// Which pods are there, and what may be decided.
    pub(crate) fn observe(&mut self, world: &TraceState<'_>, moment: Moment) {
        if world.has_new_pods() {
            self.signals.pods = world.live().map(|pod| signal_of(pod, world)).collect();
        }
        self.signals.left = leaving(&self.assignment);
        self.signals.scope = if moment.is_round { Scope::Balance } else { Scope::Repair };
    }

    /// What is known of the load from now on.
    pub(crate) fn set_load(&mut self, load: LoadMap) {
        self.signals.load = load;
    }

    /// Who serves what from now on; `None` where nothing changes.
    pub(crate) fn decide(&mut self, now: Timestamp, stopwatch: &mut Stopwatch<'_>) -> Option<OwnershipMap> {
        let decision = stopwatch.time(|| balancer::decide(&self.assignment, &self.signals, &self.settings, now));
        self.signals.ledger.record(&decision.report);
        self.assignment = Arc::new(decision.next?);
        Some(self.ownership())
    }

    /// What was decided last.
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

/// A trace knows names only, so each pod gets an address of its own; which life it is tells restarts apart.
fn signal_of(pod: PodId, world: &TraceState<'_>) -> (PodName, PodSignal) {
    let name = world.name(pod).clone();
    let address = PodAddress::try_new(&format!("pod-{}:7000", pod.0)).expect("a host and a port");
    let pod = Pod {
        name: name.clone(),
        incarnation: incarnation_of(pod, world),
        address,
        zone: "".into(),
        weight: Weight::ONE,
        memory_capacity: None,
    };
    let signal = PodSignal { pod, may_own: true };
    (name, signal)
}

/// Which process of the pod this is.
pub(crate) fn incarnation_of(pod: PodId, world: &TraceState<'_>) -> Incarnation {
    Incarnation(u128::from(pod.0) << 32 | u128::from(world.life(pod)))
}

fn leaving(assignment: &Assignment) -> BTreeSet<(SliceKey, PodName)> {
    let states = assignment.slices().starts().zip(assignment.slices().values());
    let leaving = states.flat_map(|(start, state)| {
        let replicas = state.replicas.iter().filter(|replica| replica.phase == Phase::Leaving);
        replicas.map(|replica| (start.clone(), assignment.pod(replica.pod).name.clone()))
    });
    leaving.collect()
}
