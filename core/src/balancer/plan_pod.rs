//! A pod while an assignment is being planned.

use super::signals::{PodSignal, Signals};
use crate::assignment::Assignment;
use crate::pod::Pod;

/// One pod, live or gone.
pub(super) struct PlanPod {
    pub(super) pod: Pod,
    pub(super) standing: Standing,
    /// Whether a new life of the pod has replaced the one that the assignment names.
    pub(super) is_renewed: bool,
    /// Whether it may own slices, but owned none when the decision began.
    pub(super) has_joined: bool,
    /// What its serving replicas cost it.
    pub(super) cost: u128,
}

/// What may be expected of a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It may own slices.
    Owner,
    /// It is alive, but is to lose its slices.
    Draining,
    /// It is dead.
    Gone,
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
            .chain(gone.map(|pod| Self::new(pod.clone(), Standing::Gone, false)))
            .collect();
        pods.sort_unstable_by(|a, b| a.pod.name.cmp(&b.pod.name));
        pods
    }

    fn live(signal: &PodSignal, assignment: &Assignment) -> Self {
        let standing = if signal.may_own {
            Standing::Owner
        } else {
            Standing::Draining
        };
        let assigned = assignment.index_of(&signal.pod.name).map(|index| assignment.pod(index));
        let is_renewed = assigned.is_some_and(|pod| pod.incarnation != signal.pod.incarnation);
        Self::new(signal.pod.clone(), standing, is_renewed)
    }

    fn new(pod: Pod, standing: Standing, is_renewed: bool) -> Self {
        Self {
            pod,
            standing,
            is_renewed,
            has_joined: false,
            cost: 0,
        }
    }

    /// A cost of this pod as it would be for a pod of weight 1.
    pub(super) fn relative(&self, cost: u128) -> u128 {
        cost * 1_000 / u128::from(self.pod.weight.thousandths())
    }
}
