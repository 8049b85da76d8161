//! A pod in a plan.

use super::signals::{PodSignal, Signals};
use crate::assignment::Assignment;
use crate::load::Demand;
use crate::pod::Pod;

/// One pod, live or dead.
pub(super) struct PlanPod {
    pub(super) pod: Pod,
    pub(super) availability: PodAvailability,
    /// Whether a new incarnation has replaced the one in the assignment.
    pub(super) is_renewed: bool,
    /// Whether it differs from its record in the assignment: in incarnation, address, zone, weight or memory.
    pub(super) is_changed: bool,
    /// Whether it may own slices, but owned none when the decision began.
    pub(super) has_joined: bool,
    /// The cost of the slices that it owns.
    pub(super) cost: Demand,
}

/// Whether a pod may own slices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PodAvailability {
    /// It may own slices.
    Eligible,
    /// It is alive, but must give its slices up.
    Draining,
    /// It is dead, so its replicas are lost.
    Dead,
}

impl PlanPod {
    /// The live pods and those of the assignment, by name.
    pub(super) fn all(assignment: &Assignment, signals: &Signals) -> Vec<PlanPod> {
        let live = signals.pods.values().map(|signal| Self::live(signal, assignment));
        let dead = assignment
            .pods()
            .iter()
            .filter(|pod| !signals.pods.contains_key(&pod.name));
        let mut pods: Vec<_> = live
            .chain(dead.map(|pod| Self::new(pod.clone(), PodAvailability::Dead)))
            .collect();
        pods.sort_unstable_by(|a, b| a.pod.name.cmp(&b.pod.name));
        pods
    }

    fn live(signal: &PodSignal, assignment: &Assignment) -> Self {
        let availability = if signal.may_own {
            PodAvailability::Eligible
        } else {
            PodAvailability::Draining
        };
        let assigned = assignment.index_of(&signal.pod.name).map(|index| assignment.pod(index));
        Self {
            is_renewed: assigned.is_some_and(|pod| pod.incarnation != signal.pod.incarnation),
            is_changed: assigned.is_some_and(|pod| *pod != signal.pod),
            ..Self::new(signal.pod.clone(), availability)
        }
    }

    fn new(pod: Pod, availability: PodAvailability) -> Self {
        Self {
            pod,
            availability,
            is_renewed: false,
            is_changed: false,
            has_joined: false,
            cost: Demand::NONE,
        }
    }

    /// Its cost divided by its weight; the larger of the two rates.
    pub(super) fn burden(&self) -> u128 {
        self.relative(self.cost)
    }

    /// Its burden by the steady rate alone.
    pub(super) fn steady_burden(&self) -> u128 {
        self.relative(Demand::steady(self.cost.steady))
    }

    /// Its burden if `more` were added to its cost.
    pub(super) fn burden_with(&self, more: Demand) -> u128 {
        self.relative(self.cost + more)
    }

    /// Its burden if `less` were taken from its cost.
    pub(super) fn burden_without(&self, less: Demand) -> u128 {
        self.relative(self.cost - less)
    }

    /// A cost divided by the weight of the pod; the larger of the two rates.
    pub(super) fn relative(&self, cost: Demand) -> u128 {
        u128::from(cost.peak().milli()) * 1_000 / u128::from(self.pod.weight.thousandths())
    }

    /// Whether so many more bytes fit its memory.
    pub(super) fn has_memory_for(&self, bytes: u64) -> bool {
        self.pod
            .memory_capacity
            .is_none_or(|capacity| self.cost.memory.saturating_add(bytes) <= capacity)
    }
}
