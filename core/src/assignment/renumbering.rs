//! Renaming: replicas name pods by their place in a table, and tables change.

use super::{PodIndex, Replica, ReplicaSet};
use crate::pod::Pod;

/// The new place of each pod of a table; `None` for a pod that the new table does not hold.
pub(super) struct Renumbering(Vec<Option<PodIndex>>);

impl Renumbering {
    /// From a table of `pod_count` pods to one of just those that `replicas` name, in the same order.
    pub(super) fn to_named<'a>(pod_count: usize, replicas: impl Iterator<Item = &'a ReplicaSet>) -> Self {
        let mut is_named = vec![false; pod_count];
        for replica in replicas.flat_map(ReplicaSet::iter) {
            is_named[replica.pod.as_usize()] = true;
        }
        let mut places = (0..).map(PodIndex);
        Self(
            is_named
                .into_iter()
                .map(|named| named.then(|| places.next()).flatten())
                .collect(),
        )
    }

    /// From one table to another, by the pods' names; `to` is sorted by name.
    pub(super) fn between(from: &[Pod], to: &[Pod]) -> Self {
        let place = |pod: &Pod| {
            to.binary_search_by(|other| other.name.cmp(&pod.name))
                .ok()
                .map(PodIndex::from)
        };
        Self(from.iter().map(place).collect())
    }

    /// The pods of the old table that have a place in the new one.
    pub(super) fn kept(&self, pods: &[Pod]) -> Vec<Pod> {
        let has_place = |(_, place): &(&Pod, &Option<PodIndex>)| place.is_some();
        pods.iter()
            .zip(&self.0)
            .filter(has_place)
            .map(|(pod, _)| pod.clone())
            .collect()
    }

    /// The replicas by their new places. A pod without one gets a place that no table holds, so that the check of the
    /// whole assignment finds it.
    pub(super) fn renamed(&self, replicas: &ReplicaSet) -> ReplicaSet {
        let place = |pod: PodIndex| self.0.get(pod.as_usize()).copied().flatten();
        let moved = |replica: Replica| Replica {
            pod: place(replica.pod).unwrap_or(PodIndex(u32::MAX)),
            ..replica
        };
        replicas.iter().map(moved).collect()
    }
}
