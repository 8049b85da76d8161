//! Replicas: the pods' shares in a slice.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

/// What a replica does at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Phase {
    /// Gets the state ready; no requests are routed to it.
    Warming,
    /// Owns the slice; requests are routed to it.
    Serving,
    /// The same, until the pod that is warming here takes its place.
    Yielding,
    /// No longer routed to; finishes what it has and answers late requests.
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

    /// Whether the replica is to stay when all that is under way has come to its end.
    #[must_use]
    pub const fn is_final_owner(self) -> bool {
        match self {
            Phase::Warming | Phase::Serving => true,
            Phase::Yielding | Phase::Leaving => false,
        }
    }
}

/// A pod's place in the pod table of its assignment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PodIndex(pub u32);

impl PodIndex {
    /// As an index into the table.
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

/// One pod's share in a slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Replica {
    /// Whose share.
    pub pod: PodIndex,
    /// What it does.
    pub phase: Phase,
}

/// The replicas of one slice: at most one a pod, ordered by pod.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct ReplicaSet(SmallVec<[Replica; 2]>);

impl ReplicaSet {
    /// No replicas.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// How many replicas there are, in any phase.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether no pod has a share.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All replicas, by pod.
    pub fn iter(&self) -> impl Iterator<Item = Replica> {
        self.0.iter().copied()
    }

    /// The pods that requests are routed to.
    pub fn serving(&self) -> impl Iterator<Item = PodIndex> {
        self.iter()
            .filter(|replica| replica.phase.is_routed_to())
            .map(|replica| replica.pod)
    }

    /// The pods that get the slice's state ready.
    pub fn warming(&self) -> impl Iterator<Item = PodIndex> {
        self.iter()
            .filter(|replica| replica.phase == Phase::Warming)
            .map(|replica| replica.pod)
    }

    /// The pod that a warming one gets the state from: rather one that yields to it.
    #[must_use]
    pub fn source(&self) -> Option<PodIndex> {
        let yielding = self.iter().find(|replica| replica.phase == Phase::Yielding);
        yielding.map(|replica| replica.pod).or_else(|| self.serving().next())
    }

    /// Whether a pod waits for another one to take its place, and none gets ready for it.
    #[must_use]
    pub fn has_stranded_yield(&self) -> bool {
        let yields = self.iter().any(|replica| replica.phase == Phase::Yielding);
        yields && self.warming().next().is_none()
    }

    /// What the pod does here, if it has a share.
    #[must_use]
    pub fn phase_of(&self, pod: PodIndex) -> Option<Phase> {
        self.find(pod).ok().map(|at| self.0[at].phase)
    }

    /// Gives the pod a share in this phase, or changes the phase of the one it has.
    pub fn set(&mut self, pod: PodIndex, phase: Phase) {
        match self.find(pod) {
            Ok(at) => self.0[at].phase = phase,
            Err(at) => self.0.insert(at, Replica { pod, phase }),
        }
    }

    /// Takes the pod's share away; answers whether it had one.
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
    /// Where a pod comes twice, the later phase counts.
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
    fn a_pod_has_at_most_one_share() {
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
