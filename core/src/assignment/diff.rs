//! Diffs: the slices that changed between two generations of an assignment.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::renumbering::Renumbering;
use super::{Assignment, AssignmentError, Generation, SliceState};
use crate::keyspace::Slice;
use crate::pod::{Pod, PodName};

/// The changes of an assignment since a generation: the changed slices, and the pods of their replicas.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssignmentDiff {
    /// The generation it must be applied to.
    pub base: Generation,
    /// The generation it leads to.
    pub generation: Generation,
    /// The pods of all replicas in `slices`, by name.
    pub pods: Vec<Pod>,
    /// The changed slices, in key order; replicas refer to pods by their index in `pods`.
    pub slices: Vec<DiffSlice>,
}

/// One slice that changed, with its new state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "fields are named by their types")]
pub struct DiffSlice {
    pub slice: Slice,
    pub state: SliceState,
}

/// A diff that cannot be applied; the receiver requests the full assignment instead.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[allow(missing_docs, reason = "the messages name the fields")]
pub enum DiffError {
    /// The diff applies to another generation than the one held.
    #[error("the diff applies to generation {base}, but generation {held} is held")]
    WrongBase { base: Generation, held: Generation },
    /// The diff does not lead to a later generation.
    #[error("the diff leads from generation {base} to {generation}, which is not later")]
    Backwards { base: Generation, generation: Generation },
    /// The changed slices do not start and end where slices of the held assignment do.
    #[error("the slices of the diff from generation {base} do not meet the slices held")]
    Misaligned { base: Generation },
    /// The result is not a valid assignment.
    #[error(transparent)]
    Inconsistent(#[from] AssignmentError),
}

/// An update for a watcher: the full assignment, or a diff.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Update {
    /// All slices, for a watcher that holds no earlier generation.
    Full(Arc<Assignment>),
    /// The changes since the generation that the watcher holds.
    Diff(AssignmentDiff),
}

impl Assignment {
    /// The update from generation `known` to this one: a diff, or the full assignment if that is no larger, or if `known` is
    /// not an earlier generation.
    #[must_use]
    pub fn update_since(self: &Arc<Self>, known: Generation) -> Update {
        if known == Generation::NONE || known >= self.generation() {
            return Update::Full(Arc::clone(self));
        }
        let diff = self.diff_since(known);
        if diff.slices.len() < self.slices().slice_count() {
            Update::Diff(diff)
        } else {
            Update::Full(Arc::clone(self))
        }
    }

    /// The diff from generation `known` to this one.
    #[must_use]
    pub fn diff_since(&self, known: Generation) -> AssignmentDiff {
        let changed = || self.slices().iter().filter(|(_, state)| state.changed_at > known);
        let renumbering = Renumbering::to_named(self.pods().len(), changed().map(|(_, state)| &state.replicas));
        AssignmentDiff {
            base: known,
            generation: self.generation(),
            pods: renumbering.kept(self.pods()),
            slices: changed()
                .map(|(slice, state)| DiffSlice {
                    slice,
                    state: state.renumbered(&renumbering),
                })
                .collect(),
        }
    }

    /// The assignment after the diff.
    ///
    /// # Errors
    /// When the diff applies to another generation, or does not fit the slices held.
    pub fn apply(&self, diff: &AssignmentDiff) -> Result<Assignment, DiffError> {
        if diff.base != self.generation() {
            return Err(DiffError::WrongBase {
                base: diff.base,
                held: self.generation(),
            });
        }
        if diff.generation <= diff.base {
            return Err(DiffError::Backwards {
                base: diff.base,
                generation: diff.generation,
            });
        }
        let pods = merged(self.pods(), &diff.pods);
        let (held, newer) = (
            Renumbering::between(self.pods(), &pods),
            Renumbering::between(&diff.pods, &pods),
        );
        let changes = diff
            .slices
            .iter()
            .map(|changed| (changed.slice.clone(), changed.state.renumbered(&newer)));
        let slices = self
            .slices()
            .map(|_, state| state.renumbered(&held))
            .replaced(changes.collect())
            .ok_or(DiffError::Misaligned { base: diff.base })?;
        Ok(Assignment::try_new(diff.generation, pods, slices)?.without_unnamed_pods())
    }

    /// The same assignment without pods that have no replica.
    fn without_unnamed_pods(self) -> Self {
        let renumbering = Renumbering::to_named(self.pods().len(), self.slices().values().map(|state| &state.replicas));
        let pods = renumbering.kept(self.pods());
        if pods.len() == self.pods().len() {
            return self;
        }
        let slices = self.slices().map(|_, state| state.renumbered(&renumbering));
        Assignment::try_new(self.generation(), pods, slices).expect("only pods without a replica were removed")
    }
}

impl SliceState {
    fn renumbered(&self, renumbering: &Renumbering) -> Self {
        Self {
            replicas: renumbering.renumbered(&self.replicas),
            ..*self
        }
    }
}

/// Both pod tables merged, by name; of a pod in both, the newer record counts.
fn merged(held: &[Pod], newer: &[Pod]) -> Vec<Pod> {
    let renewed: BTreeSet<&PodName> = newer.iter().map(|pod| &pod.name).collect();
    let is_kept = |pod: &&Pod| !renewed.contains(&pod.name);
    let mut pods: Vec<Pod> = held.iter().filter(is_kept).chain(newer).cloned().collect();
    pods.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    pods
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::assignment::{Phase, PodIndex, Proposal, ReplicaSet};
    use crate::keyspace::{SliceKey, SliceMap};
    use crate::pod::fixtures::pod_in;

    /// Up to 16 slices over up to 5 pods, each pod in one of two incarnations.
    fn proposal() -> impl Strategy<Value = Proposal> {
        let replica = (
            0_u32..5,
            prop_oneof![
                Just(Phase::Warming),
                Just(Phase::Serving),
                Just(Phase::Yielding),
                Just(Phase::Leaving)
            ],
        );
        let replicas = prop::collection::vec(replica, 0..3);
        let slices = prop::collection::btree_map(1_u8..16, replicas.clone(), 0..10);
        (replicas, slices, prop::collection::vec(0_u128..2, 5)).prop_map(|(first, rest, incarnations)| {
            let set = |replicas: Vec<(u32, Phase)>| -> ReplicaSet {
                let mut set = ReplicaSet::none();
                replicas
                    .into_iter()
                    .for_each(|(pod, phase)| set.set(PodIndex(pod), phase));
                set
            };
            let mut entries = vec![(SliceKey::EMPTY, set(first))];
            entries.extend(
                rest.into_iter()
                    .map(|(start, replicas)| (SliceKey::try_new(&[start]).unwrap(), set(replicas))),
            );
            Proposal {
                pods: (0..5)
                    .zip(incarnations)
                    .map(|(number, incarnation)| pod_in(number, incarnation))
                    .collect(),
                slices: SliceMap::try_from_starts(entries).unwrap(),
            }
        })
    }

    fn history() -> impl Strategy<Value = Vec<Arc<Assignment>>> {
        prop::collection::vec(proposal(), 1..6).prop_map(|proposals| {
            let mut history = vec![Arc::new(Assignment::unassigned())];
            for proposal in proposals {
                let last = history.last().expect("the history is never empty");
                history.extend(proposal.after(last).map(Arc::new));
            }
            history
        })
    }

    proptest! {
        #[test]
        fn a_diff_leads_from_any_earlier_generation_to_exactly_the_newest(history in history()) {
            let newest = history.last().unwrap();
            for held in &history[..history.len() - 1] {
                let diff = newest.diff_since(held.generation());
                prop_assert_eq!(&held.apply(&diff).unwrap(), newest.as_ref());
            }
        }

        #[test]
        fn proposing_the_current_state_changes_nothing(history in history()) {
            let newest = history.last().unwrap();
            prop_assert_eq!(Proposal::of(newest).after(newest), None);
        }

        #[test]
        fn an_epoch_changes_exactly_when_the_answering_pods_of_a_key_change(history in history(), probe in 0_u8..20) {
            let key = SliceKey::try_new(&[probe]).unwrap();
            for pair in history.windows(2) {
                let ((_, before), (_, after)) = (pair[0].get(&key), pair[1].get(&key));
                let is_equal = pair[1].has_equal_owners(after, &pair[0], before);
                if after.epoch == before.epoch {
                    prop_assert!(is_equal);
                }
                prop_assert!(after.epoch >= before.epoch, "a fencing token never decreases");
            }
        }

        #[test]
        fn a_diff_on_another_generation_is_rejected(history in history()) {
            let newest = history.last().unwrap();
            for held in &history {
                let diff = AssignmentDiff { base: held.generation().next(), ..newest.diff_since(held.generation()) };
                prop_assert!(held.apply(&diff).is_err());
            }
        }
    }
}
