//! Proposals: what an assignment should look like next, before it has a generation.

use super::renumbering::Renumbering;
use super::{Assignment, Generation, ReplicaSet, SliceState};
use crate::keyspace::{Slice, SliceMap};
use crate::pod::Pod;

/// The slices and replicas that are wanted next. Replicas name pods by their place in `pods`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// All pods that may be named, sorted by name.
    pub pods: Vec<Pod>,
    /// Who is to have a share in what.
    pub slices: SliceMap<ReplicaSet>,
}

impl Proposal {
    /// What `assignment` is already, as a proposal.
    #[must_use]
    pub fn of(assignment: &Assignment) -> Self {
        Self {
            pods: assignment.pods().to_vec(),
            slices: assignment.slices().map(|_, state| state.replicas.clone()),
        }
    }

    /// The assignment that follows `previous`; `None` if nothing would change.
    ///
    /// Slices that are as they were keep their epoch and their `changed_at`; a slice for whose keys the same pods could
    /// answer before keeps the newest of their epochs; every other one gets the new generation as its epoch.
    #[must_use]
    pub fn after(self, previous: &Assignment) -> Option<Assignment> {
        let generation = previous.generation().next();
        let named = self.only_named_pods();
        let unversioned = named.slices.map(|_, replicas| SliceState {
            replicas: replicas.clone(),
            epoch: Generation::NONE,
            changed_at: Generation::NONE,
        });
        let next = Assignment::try_new(generation, named.pods, unversioned).expect("only named pods are left, by name");
        let slices = next
            .slices()
            .map(|slice, state| versioned(&slice, state, &next, previous));
        let is_changed = slices.values().any(|state| state.changed_at == generation);
        is_changed.then(|| {
            Assignment::try_new(generation, next.pods().to_vec(), slices)
                .expect("no slice is newer than the generation")
        })
    }

    /// The same with a pod table of just those that have a share.
    fn only_named_pods(self) -> Self {
        let renumbering = Renumbering::to_named(self.pods.len(), self.slices.values());
        Self {
            pods: renumbering.kept(&self.pods),
            slices: self.slices.map(|_, replicas| renumbering.renamed(replicas)),
        }
    }
}

/// The state of a slice of `next`, with the epoch and the change it has after `previous`.
fn versioned(slice: &Slice, state: &SliceState, next: &Assignment, previous: &Assignment) -> SliceState {
    let mut epoch = Some(Generation::NONE);
    let mut changed_at = next.generation();
    for (old_slice, old) in previous.slices().overlapping(slice) {
        let has_equal_owners = next.has_equal_owners(state, previous, old);
        epoch = epoch.filter(|_| has_equal_owners).map(|newest| newest.max(old.epoch));
        if old_slice == *slice && next.has_equal_replicas(state, previous, old) {
            changed_at = old.changed_at;
        }
    }
    SliceState {
        replicas: state.replicas.clone(),
        epoch: epoch.unwrap_or(next.generation()),
        changed_at,
    }
}
