//! Replicas: the pods that own a slice, warm up for it or leave it.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

/// The phase of a replica.
///
/// ```text
/// new owner                 warming ------> serving
///                              |  is warm      |
/// old owner      serving -> yielding -----> leaving -> gone
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Phase {
    /// Takes over the state; no requests are routed to it.
    Warming,
    /// Owns the slice: requests are routed to it.
    Serving,
    /// Owns the slice until the replica that is warming replaces it.
    Yielding,
    /// Owns the slice no longer; finishes requests in progress and answers late ones.
    Leaving,
}

impl Phase {
    /// Whether requests are routed to the replica.
    #[must_use]
    pub const fn is_routed_to(self) -> bool {
        match self {
            Phase::Serving | Phase::Yielding => true,
            Phase::Warming | Phase::Leaving => false,
        }
    }

    /// Whether the replica owns the slice once its handoff is complete.
    #[must_use]
    pub const fn is_final_owner(self) -> bool {
        match self {
            Phase::Warming | Phase::Serving => true,
            Phase::Yielding | Phase::Leaving => false,
        }
    }
}

/// A pod's index in the pod table of its assignment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PodIndex(pub u32);

impl PodIndex {
    /// The index as `usize`, for indexing the table.
    #[must_use]
    pub const fn as_usize(self) -> usize {
        self.0 as usize
    }
}

impl From<usize> for PodIndex {
    fn from(index: usize) -> Self {
        Self(u32::try_from(index).expect("fewer than 2^32 pods fit in memory"))
    }
}

/// The part of one pod in a slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[allow(missing_docs, reason = "fields are named by their types")]
pub struct Replica {
    pub pod: PodIndex,
    pub phase: Phase,
}

/// The replicas of one slice: at most one for each pod, ordered by pod.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct ReplicaSet(SmallVec<[Replica; 2]>);

impl ReplicaSet {
    /// The set without replicas.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// How many replicas there are, in any phase.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no replicas.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All replicas, ordered by pod.
    pub fn iter(&self) -> impl Iterator<Item = Replica> {
        self.0.iter().copied()
    }

    /// The pods that requests are routed to.
    pub fn serving(&self) -> impl Iterator<Item = PodIndex> {
        self.iter()
            .filter(|replica| replica.phase.is_routed_to())
            .map(|replica| replica.pod)
    }

    /// The pods that take over the slice's state.
    pub fn warming(&self) -> impl Iterator<Item = PodIndex> {
        self.iter()
            .filter(|replica| replica.phase == Phase::Warming)
            .map(|replica| replica.pod)
    }

    /// The pod that a warming replica takes the state from: one that yields, or else one that serves.
    #[must_use]
    pub fn source(&self) -> Option<PodIndex> {
        let yielding = self.iter().find(|replica| replica.phase == Phase::Yielding);
        yielding.map(|replica| replica.pod).or_else(|| self.serving().next())
    }

    /// Whether a replica yields, but none is warming to replace it.
    #[must_use]
    pub fn has_stranded_yield(&self) -> bool {
        let yields = self.iter().any(|replica| replica.phase == Phase::Yielding);
        yields && self.warming().next().is_none()
    }

    /// The phase of the pod's replica, if it has one.
    #[must_use]
    pub fn phase_of(&self, pod: PodIndex) -> Option<Phase> {
        self.find(pod).ok().map(|at| self.0[at].phase)
    }

    /// Adds a replica of the pod, or sets the phase of its existing one.
    pub fn set(&mut self, pod: PodIndex, phase: Phase) {
        match self.find(pod) {
            Ok(at) => self.0[at].phase = phase,
            Err(at) => self.0.insert(at, Replica { pod, phase }),
        }
    }

    /// Removes the pod's replica; returns whether it had one.
    pub fn remove(&mut self, pod: PodIndex) -> bool {
        match self.find(pod) {
            Ok(at) => {
                self.0.remove(at);
                true
            }
            Err(_) => false,
        }
    }

    fn find(&self, pod: PodIndex) -> Result<usize, usize> {
        self.0.binary_search_by_key(&pod, |replica| replica.pod)
    }
}

impl FromIterator<Replica> for ReplicaSet {
    /// If a pod occurs twice, the later phase counts.
    fn from_iter<I: IntoIterator<Item = Replica>>(replicas: I) -> Self {
        let mut set = Self::none();
        for replica in replicas {
            set.set(replica.pod, replica.phase);
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_has_at_most_one_replica() {
        let mut set = ReplicaSet::none();
        set.set(PodIndex(2), Phase::Serving);
        set.set(PodIndex(1), Phase::Warming);
        set.set(PodIndex(2), Phase::Leaving);
        assert_eq!(set.len(), 2);
        assert_eq!(set.phase_of(PodIndex(2)), Some(Phase::Leaving));
        assert_eq!(set.serving().count(), 0);
        assert!(set.remove(PodIndex(2)) && !set.remove(PodIndex(2)));
    }
}
