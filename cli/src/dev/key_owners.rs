//! Who owns the keys of a trace, and how often that changes.

use std::sync::Arc;

use emberkeep_core::assignment::Assignment;
use emberkeep_core::keyspace::SliceKey;
use emberkeep_core::pod::Incarnation;
use emberkeep_core::target::KeyMode;

/// The first pod that serves each key, in its present life.
#[derive(Debug)]
pub(super) struct KeyOwners(Vec<(SliceKey, Option<Incarnation>)>);

impl KeyOwners {
    /// The owners of these keys, none of which is known yet.
    pub(super) fn of(keys: &[Arc<str>]) -> Self {
        let slice_keys = keys.iter().map(|key| SliceKey::of(key.as_bytes(), KeyMode::Hashed));
        // A key that is too long to be hashed would have been refused when its object was written.
        Self(slice_keys.flatten().map(|key| (key, None)).collect())
    }

    /// Takes in an assignment; answers how many keys have another owner than the last they had.
    pub(super) fn changes_to(&mut self, assignment: &Assignment) -> u64 {
        let mut changes = 0;
        for (key, owner) in &mut self.0 {
            let (_, state) = assignment.slices().get(key);
            let serving = state.replicas.serving().next();
            // While there is no owner, the last one counts.
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
    use emberkeep_core::pod::{Pod, PodAddress, PodName, Weight};

    use super::*;

    /// All keys owned by a pod in this life, or by nobody.
    fn owned_by(life: Option<u128>) -> Assignment {
        let generation = Generation::NONE.next();
        let pod = |life| Pod {
            name: PodName::try_new("pod-1").unwrap(),
            incarnation: Incarnation(life),
            address: PodAddress::try_new("127.0.0.1:1").unwrap(),
            zone: "".into(),
            weight: Weight::ONE,
            memory_capacity: None,
        };
        let serving = life.map(|_| Replica {
            pod: PodIndex(0),
            phase: Phase::Serving,
        });
        let state = SliceState {
            replicas: serving.into_iter().collect(),
            epoch: generation,
            changed_at: generation,
        };
        let pods = life.map(pod).into_iter().collect();
        Assignment::try_new(generation, pods, SliceMap::full(state)).unwrap()
    }

    #[test]
    fn each_key_is_counted_when_its_owner_is_another_or_begins_a_new_life() {
        let mut owners = KeyOwners::of(&["a", "b", "c"].map(Arc::from));
        let changes =
            [Some(1), Some(1), Some(2), None, Some(2), None, Some(3)].map(|life| owners.changes_to(&owned_by(life)));
        assert_eq!(changes, [0, 0, 3, 0, 0, 0, 3]);
    }
}
