//! A pod while an assignment is being planned.

use super::signals::{PodSignal, Signals};
use crate::assignment::Assignment;
use crate::load::Demand;
use crate::pod::Pod;

/// One pod, live or gone.
pub(super) struct PlanPod {
    pub(super) pod: Pod,
    pub(super) availability: PodAvailability,
    /// Whether a new life of the pod has replaced the one that the assignment names.
    pub(super) is_renewed: bool,
    /// Whether the assignment knows it otherwise: in an earlier life, or with another weight.
    pub(super) is_changed: bool,
    /// Whether it may own slices, but owned none when the decision began.
    pub(super) has_joined: bool,
    /// What its serving replicas cost it.
    pub(super) cost: Demand,
}

/// What may be expected of a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PodAvailability {
    /// It may own slices.
    Eligible,
    /// It is alive, but is to lose its slices.
    Draining,
    /// It is dead.
    Dead,
}

impl PlanPod {
    /// The live pods and those of the assignment, by name.
    pub(super) fn all(assignment: &Assignment, signals: &Signals) -> Vec<PlanPod> {
        let live = signals.pods.values().map(|signal| Self::live(signal, assignment));
        let gone = assignment
            .pods()
            .iter()
            .filter(|pod| !signals.pods.contains_key(&pod.name));
        let mut pods: Vec<_> = live
            .chain(gone.map(|pod| Self::new(pod.clone(), PodAvailability::Dead)))
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

    /// What it carries as it would be for a pod of weight 1: the larger of its two rates.
    pub(super) fn burden(&self) -> u128 {
        self.relative(self.cost)
    }

    /// What it carries by its steady rate.
    pub(super) fn steady_burden(&self) -> u128 {
        self.relative(Demand::steady(self.cost.steady))
    }

    /// What it would carry with `more`.
    pub(super) fn burden_with(&self, more: Demand) -> u128 {
        self.relative(self.cost + more)
    }

    /// What it would carry without `less`.
    pub(super) fn burden_without(&self, less: Demand) -> u128 {
        self.relative(self.cost - less)
    }

    /// A cost as it would be for a pod of weight 1: the larger of the two rates.
    pub(super) fn relative(&self, cost: Demand) -> u128 {
        u128::from(cost.peak().milli()) * 1_000 / u128::from(self.pod.weight.thousandths())
    }

    /// Whether so many more bytes fit.
    pub(super) fn has_memory_for(&self, bytes: u64) -> bool {
        self.pod
            .memory_capacity
            .is_none_or(|capacity| self.cost.memory.saturating_add(bytes) <= capacity)
    }
}
