//! The assignment itself: every slice with its replicas, at one generation.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Generation, Phase, PodIndex, Replica, ReplicaSet};
use crate::keyspace::{Slice, SliceKey, SliceMap};
use crate::pod::{Pod, PodName};

/// What is assigned for one slice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SliceState {
    /// Who has a share in it.
    pub replicas: ReplicaSet,
    /// The generation at which the pods that may answer for its keys last changed: the fencing token. That another pod
    /// begins to warm is no such change.
    pub epoch: Generation,
    /// The generation at which its bounds or its replicas last changed: what a diff goes by. A split or a merge of
    /// slices with the same owners is such a change, but leaves the epoch as it is.
    pub changed_at: Generation,
}

impl SliceState {
    /// Whether requests are routed to nobody.
    #[must_use]
    pub fn is_unserved(&self) -> bool {
        self.replicas.serving().next().is_none()
    }
}

/// The full list of slices with their replicas, at one generation. Covers every key, names each pod once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    generation: Generation,
    /// The pods that have a share somewhere, by name.
    pods: Vec<Pod>,
    slices: SliceMap<SliceState>,
}

/// Parts that make no assignment.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AssignmentError {
    /// The pod table is not sorted by name, or names a pod twice.
    #[error("pods must be sorted by name and named once, but {name} follows {before}")]
    PodsUnordered {
        /// The earlier name.
        before: PodName,
        /// The name that does not come after it.
        name: PodName,
    },
    /// A replica names a pod that the table does not hold.
    #[error("slice {slice} names pod number {index}, but there are {pod_count}")]
    UnknownPod {
        /// The slice.
        slice: Slice,
        /// What it names.
        index: u32,
        /// How many pods there are.
        pod_count: usize,
    },
    /// Epoch, change and generation of a slice are out of order.
    #[error(
        "slice {slice} has epoch {epoch} and changed at {changed_at}, which must not be later than generation {generation}"
    )]
    NewerThanAssignment {
        /// The slice.
        slice: Slice,
        /// Its epoch.
        epoch: Generation,
        /// When it last changed.
        changed_at: Generation,
        /// The generation of the whole.
        generation: Generation,
    },
}

impl Assignment {
    /// Before the first decision: one slice that nobody owns, at generation zero.
    #[must_use]
    pub fn unassigned() -> Self {
        Self {
            generation: Generation::NONE,
            pods: Vec::new(),
            slices: SliceMap::full(SliceState {
                replicas: ReplicaSet::none(),
                epoch: Generation::NONE,
                changed_at: Generation::NONE,
            }),
        }
    }

    /// An assignment of these parts.
    ///
    /// # Errors
    /// When the pods are unsorted, a replica names a pod that is not there, or a slice is newer than the whole.
    pub fn try_new(
        generation: Generation,
        pods: Vec<Pod>,
        slices: SliceMap<SliceState>,
    ) -> Result<Self, AssignmentError> {
        if let Some(pair) = pods.windows(2).find(|pair| pair[0].name >= pair[1].name) {
            return Err(AssignmentError::PodsUnordered {
                before: pair[0].name.clone(),
                name: pair[1].name.clone(),
            });
        }
        for (slice, state) in slices.iter() {
            if let Some(unknown) = state
                .replicas
                .iter()
                .find(|replica| replica.pod.as_usize() >= pods.len())
            {
                return Err(AssignmentError::UnknownPod {
                    slice,
                    index: unknown.pod.0,
                    pod_count: pods.len(),
                });
            }
            if state.epoch > state.changed_at || state.changed_at > generation {
                return Err(AssignmentError::NewerThanAssignment {
                    slice,
                    epoch: state.epoch,
                    changed_at: state.changed_at,
                    generation,
                });
            }
        }
        Ok(Self {
            generation,
            pods,
            slices,
        })
    }

    /// Its version.
    #[must_use]
    pub const fn generation(&self) -> Generation {
        self.generation
    }

    /// The pods that have a share somewhere, by name.
    #[must_use]
    pub fn pods(&self) -> &[Pod] {
        &self.pods
    }

    /// The slices in key order.
    #[must_use]
    pub const fn slices(&self) -> &SliceMap<SliceState> {
        &self.slices
    }

    /// The pod that a replica of this assignment names.
    #[must_use]
    pub fn pod(&self, index: PodIndex) -> &Pod {
        &self.pods[index.as_usize()]
    }

    /// The index of the pod of that name, if it has a share somewhere.
    #[must_use]
    pub fn index_of(&self, name: &PodName) -> Option<PodIndex> {
        self.pods
            .binary_search_by(|pod| pod.name.cmp(name))
            .ok()
            .map(PodIndex::from)
    }

    /// The slice that holds the key, and what is assigned for it.
    #[must_use]
    pub fn get(&self, key: &SliceKey) -> (Slice, &SliceState) {
        self.slices.get(key)
    }

    /// The slices in which the pod has a share, with the phase of it.
    pub fn shares_of(&self, pod: PodIndex) -> impl Iterator<Item = (Slice, &SliceState, Phase)> {
        self.slices
            .iter()
            .filter_map(move |(slice, state)| state.replicas.phase_of(pod).map(|phase| (slice, state, phase)))
    }

    /// Whether two slices, each of its own assignment, have the same pods in the same phases.
    pub(super) fn has_equal_replicas(&self, state: &SliceState, other: &Assignment, others: &SliceState) -> bool {
        state.replicas.len() == others.replicas.len()
            && state
                .replicas
                .iter()
                .zip(others.replicas.iter())
                .all(|(a, b)| a.phase == b.phase && self.pod(a.pod) == other.pod(b.pod))
    }

    /// Whether the same pods may answer for two slices, each of its own assignment, by the same right.
    pub(super) fn has_equal_owners(&self, state: &SliceState, other: &Assignment, others: &SliceState) -> bool {
        self.answering(state).eq(other.answering(others))
    }

    /// The pods that may answer, and whether requests are routed to them.
    fn answering(&self, state: &SliceState) -> impl Iterator<Item = (&Pod, bool)> {
        let may_answer = |replica: &Replica| replica.phase != Phase::Warming;
        let replicas = state.replicas.iter().filter(may_answer);
        replicas.map(|replica| (self.pod(replica.pod), replica.phase.is_routed_to()))
    }
}
