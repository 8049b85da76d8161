//! The owners of the keys of a trace, to count owner changes.

use std::sync::Arc;

use emberkeep_core::assignment::Assignment;
use emberkeep_core::keyspace::SliceKey;
use emberkeep_core::pod::Incarnation;
use emberkeep_core::target::KeyMode;

/// The incarnation of the first pod that serves each key.
#[derive(Debug)]
pub(super) struct KeyOwners(Vec<(SliceKey, Option<Incarnation>)>);

impl KeyOwners {
    /// These keys, with owners still unknown.
    pub(super) fn of(keys: &[Arc<str>]) -> Self {
        let slice_keys = keys.iter().map(|key| SliceKey::of(key.as_bytes(), KeyMode::Hashed));
        // A key that is too long was rejected when its object was written.
        Self(slice_keys.flatten().map(|key| (key, None)).collect())
    }

    /// Updates the owners; returns the number of keys whose owner changed.
    pub(super) fn update(&mut self, assignment: &Assignment) -> u64 {
        let mut changes = 0;
        for (key, owner) in &mut self.0 {
            let (_, state) = assignment.slices().get(key);
            let serving = state.replicas.serving().next();
            // While a key has no owner, the last one is kept.
            if let Some(next) = serving.map(|pod| assignment.pod(pod).incarnation) {
                changes += u64::from(owner.is_some_and(|owner| owner != next));
                *owner = Some(next);
            }
        }
        changes
    }
}

#[cfg(test)]
mod tests {
    use emberkeep_core::assignment::{Generation, Phase, PodIndex, Replica, SliceState};
    use emberkeep_core::keyspace::SliceMap;
    use emberkeep_core::pod::{Pod, PodAddress, PodName};

    use super::*;

    /// An assignment with all keys owned by this incarnation of a pod, or by none.
    fn owned_by(incarnation: Option<u128>) -> Assignment {
        let generation = Generation::NONE.next();
        let pod = |incarnation| {
            Pod::new(
                PodName::try_new("pod-1").unwrap(),
                Incarnation(incarnation),
                PodAddress::try_new("127.0.0.1:1").unwrap(),
            )
        };
        let serving = incarnation.map(|_| Replica {
            pod: PodIndex(0),
            phase: Phase::Serving,
        });
        let state = SliceState {
            replicas: serving.into_iter().collect(),
            epoch: generation,
            changed_at: generation,
        };
        let pods = incarnation.map(pod).into_iter().collect();
        Assignment::try_new(generation, pods, SliceMap::full(state)).unwrap()
    }

    #[test]
    fn a_new_pod_or_incarnation_counts_once_per_key() {
        let mut owners = KeyOwners::of(&["a", "b", "c"].map(Arc::from));
        let changes = [Some(1), Some(1), Some(2), None, Some(2), None, Some(3)]
            .map(|incarnation| owners.update(&owned_by(incarnation)));
        assert_eq!(changes, [0, 0, 3, 0, 0, 0, 3]);
    }
}
