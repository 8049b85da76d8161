//! Proposals: the wanted slices and replicas, before they get a generation.

use super::renumbering::Renumbering;
use super::{Assignment, Generation, ReplicaSet, SliceState};
use crate::keyspace::{Slice, SliceMap};
use crate::pod::Pod;

/// The wanted slices and replicas. Replicas refer to pods by their index in `pods`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// All pods that replicas may refer to, sorted by name.
    pub pods: Vec<Pod>,
    /// The wanted replicas of each slice.
    pub slices: SliceMap<ReplicaSet>,
}

impl Proposal {
    /// The proposal that changes nothing in `assignment`.
    #[must_use]
    pub fn of(assignment: &Assignment) -> Self {
        Self {
            pods: assignment.pods().to_vec(),
            slices: assignment.slices().map(|_, state| state.replicas.clone()),
        }
    }

    /// The assignment that follows `previous`; `None` if nothing would change.
    ///
    /// Unchanged slices keep their epoch and their `changed_at`. A slice whose keys all had the same answering pods before
    /// keeps the newest of their epochs; every other slice gets the new generation as its epoch.
    #[must_use]
    pub fn after(self, previous: &Assignment) -> Option<Assignment> {
        let generation = previous.generation().next();
        let named = self.only_named_pods();
        let unversioned = named.slices.map(|_, replicas| SliceState {
            replicas: replicas.clone(),
            epoch: Generation::NONE,
            changed_at: Generation::NONE,
        });
        let next = Assignment::try_new(generation, named.pods, unversioned)
            .expect("only pods with a replica are left, by name");
        let slices = next
            .slices()
            .map(|slice, state| versioned(&slice, state, &next, previous));
        let is_changed = slices.values().any(|state| state.changed_at == generation);
        is_changed.then(|| {
            Assignment::try_new(generation, next.pods().to_vec(), slices)
                .expect("no slice is newer than the generation")
        })
    }

    /// The same proposal without pods that have no replica.
    fn only_named_pods(self) -> Self {
        let renumbering = Renumbering::to_named(self.pods.len(), self.slices.values());
        Self {
            pods: renumbering.kept(&self.pods),
            slices: self.slices.map(|_, replicas| renumbering.renumbered(replicas)),
        }
    }
}

/// The state of a slice of `next` with its epoch and `changed_at`, computed from `previous`.
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
