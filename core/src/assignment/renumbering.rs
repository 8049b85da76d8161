//! Renumbering: replicas refer to pods by index, and indexes differ between pod tables.

use super::{PodIndex, Replica, ReplicaSet};
use crate::pod::Pod;

/// The new index of each pod of a table; `None` for pods that the new table lacks.
pub(super) struct Renumbering(Vec<Option<PodIndex>>);

impl Renumbering {
    /// From a table of `pod_count` pods to the table of those with a replica, in the same order.
    pub(super) fn to_named<'a>(pod_count: usize, replicas: impl Iterator<Item = &'a ReplicaSet>) -> Self {
        let mut is_named = vec![false; pod_count];
        for replica in replicas.flat_map(ReplicaSet::iter) {
            is_named[replica.pod.as_usize()] = true;
        }
        let mut indexes = (0..).map(PodIndex);
        Self(
            is_named
                .into_iter()
                .map(|named| named.then(|| indexes.next()).flatten())
                .collect(),
        )
    }

    /// From one table to another, by pod name; `to` is sorted by name.
    pub(super) fn between(from: &[Pod], to: &[Pod]) -> Self {
        let index = |pod: &Pod| {
            to.binary_search_by(|other| other.name.cmp(&pod.name))
                .ok()
                .map(PodIndex::from)
        };
        Self(from.iter().map(index).collect())
    }

    /// The pods of the old table that are in the new one.
    pub(super) fn kept(&self, pods: &[Pod]) -> Vec<Pod> {
        let is_kept = |(_, index): &(&Pod, &Option<PodIndex>)| index.is_some();
        pods.iter()
            .zip(&self.0)
            .filter(is_kept)
            .map(|(pod, _)| pod.clone())
            .collect()
    }

    /// The replicas with their new indexes. A pod that the new table lacks gets an index beyond every table, so that
    /// `Assignment::try_new` rejects it.
    pub(super) fn renumbered(&self, replicas: &ReplicaSet) -> ReplicaSet {
        let index = |pod: PodIndex| self.0.get(pod.as_usize()).copied().flatten();
        let moved = |replica: Replica| Replica {
            pod: index(replica.pod).unwrap_or(PodIndex(u32::MAX)),
            ..replica
        };
        replicas.iter().map(moved).collect()
    }
}
