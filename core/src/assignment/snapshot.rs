//! The assignment: all slices with their replicas at one generation.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Generation, Phase, PodIndex, Replica, ReplicaSet};
use crate::keyspace::{Slice, SliceKey, SliceMap};
use crate::pod::{Pod, PodName};

/// The replicas of one slice, with their versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SliceState {
    /// Warming, serving, yielding and leaving pods.
    pub replicas: ReplicaSet,
    /// The generation at which the pods that may answer for its keys changed last: the fencing token. A pod that begins to
    /// warm does not change it.
    pub epoch: Generation,
    /// The generation at which its bounds or its replicas changed last, which decides whether a diff includes it. Cutting or
    /// joining slices with the same owners changes it, but not the epoch.
    pub changed_at: Generation,
}

impl SliceState {
    /// Whether requests are routed to no pod.
    #[must_use]
    pub fn is_unserved(&self) -> bool {
        self.replicas.serving().next().is_none()
    }
}

/// All slices with their replicas at one generation. Covers every key once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    generation: Generation,
    /// The pods with a replica, by name.
    pods: Vec<Pod>,
    slices: SliceMap<SliceState>,
}

/// The rule that parts of an assignment violate.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[allow(missing_docs, reason = "the messages name the fields")]
pub enum AssignmentError {
    /// The pod table is not sorted by name, or holds a pod twice.
    #[error("pods must be sorted by name and named once, but {name} follows {before}")]
    PodsUnordered { before: PodName, name: PodName },
    /// A replica refers to a pod beyond the pod table.
    #[error("slice {slice} names pod number {index}, but there are {pod_count}")]
    UnknownPod { slice: Slice, index: u32, pod_count: usize },
    /// A slice has an epoch later than its last change, or a change later than the generation.
    #[error(
        "slice {slice} has epoch {epoch} and changed at {changed_at}, which must not be later than generation {generation}"
    )]
    NewerThanAssignment {
        slice: Slice,
        epoch: Generation,
        changed_at: Generation,
        generation: Generation,
    },
}

impl Assignment {
    /// The assignment before the first decision: one slice without owners, at generation zero.
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

    /// Checks the parts of an assignment.
    ///
    /// # Errors
    /// See [`AssignmentError`].
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

    /// The version of this assignment.
    #[must_use]
    pub const fn generation(&self) -> Generation {
        self.generation
    }

    /// The pods with a replica, by name.
    #[must_use]
    pub fn pods(&self) -> &[Pod] {
        &self.pods
    }

    /// All slices, in key order.
    #[must_use]
    pub const fn slices(&self) -> &SliceMap<SliceState> {
        &self.slices
    }

    /// The pod that a replica of this assignment refers to.
    #[must_use]
    pub fn pod(&self, index: PodIndex) -> &Pod {
        &self.pods[index.as_usize()]
    }

    /// The index of the pod with that name, if it has a replica.
    #[must_use]
    pub fn index_of(&self, name: &PodName) -> Option<PodIndex> {
        self.pods
            .binary_search_by(|pod| pod.name.cmp(name))
            .ok()
            .map(PodIndex::from)
    }

    /// The slice that holds the key, and its state.
    #[must_use]
    pub fn get(&self, key: &SliceKey) -> (Slice, &SliceState) {
        self.slices.get(key)
    }

    /// The slices of which the pod has a replica, with its phase.
    pub fn shares_of(&self, pod: PodIndex) -> impl Iterator<Item = (Slice, &SliceState, Phase)> {
        self.slices
            .iter()
            .filter_map(move |(slice, state)| state.replicas.phase_of(pod).map(|phase| (slice, state, phase)))
    }

    /// Whether two slices, of this assignment and of another one, have the same pods in the same phases.
    pub(super) fn has_equal_replicas(&self, state: &SliceState, other: &Assignment, others: &SliceState) -> bool {
        state.replicas.len() == others.replicas.len()
            && state
                .replicas
                .iter()
                .zip(others.replicas.iter())
                .all(|(a, b)| a.phase == b.phase && self.pod(a.pod) == other.pod(b.pod))
    }

    /// Whether two slices, of this assignment and of another one, have the same answering pods with the same routing.
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
