//! Assignments, each as the successor of another.

use std::sync::Arc;

use emberkeep_core::assignment::{Assignment, Generation, Phase, Proposal, ReplicaSet};
use emberkeep_core::keyspace::{SliceKey, SliceMap};
use emberkeep_core::pod::Pod;

/// The replicas of one slice.
pub type Replicas<'a> = Vec<(&'a Pod, Phase)>;

/// Replicas that all serve.
pub fn serving<'a>(pods: impl IntoIterator<Item = &'a Pod>) -> Replicas<'a> {
    pods.into_iter().map(|pod| (pod, Phase::Serving)).collect()
}

/// The successor of `previous` with these slices, each given by its first key; the first one starts at the empty key.
///
/// # Panics
/// If the slices are out of order, or nothing differs from `previous`.
pub fn assigned<'a>(
    previous: &Assignment,
    slices: impl IntoIterator<Item = (SliceKey, Replicas<'a>)>,
) -> Arc<Assignment> {
    let slices: Vec<_> = slices.into_iter().collect();
    let mut pods: Vec<&Pod> = slices
        .iter()
        .flat_map(|(_, pods)| pods.iter().map(|(pod, _)| *pod))
        .collect();
    pods.sort();
    pods.dedup();
    let replica_set = |replicas: Replicas<'_>| {
        let mut set = ReplicaSet::none();
        for (pod, phase) in replicas {
            let index = pods.binary_search(&pod).expect("each replica's pod is listed");
            set.set(index.into(), phase);
        }
        set
    };
    let slices = slices
        .into_iter()
        .map(|(start, replicas)| (start, replica_set(replicas)));
    let proposal = Proposal {
        slices: SliceMap::try_from_starts(slices.collect()).expect("slices start in order, the first at the empty key"),
        pods: pods.into_iter().cloned().collect(),
    };
    Arc::new(proposal.after(previous).expect("the new assignment differs"))
}

/// The successor of `previous` in which one pod serves the lower half of all keys and one the upper half.
pub fn halves(previous: &Assignment, lower: &Pod, upper: &Pod) -> Arc<Assignment> {
    let middle = SliceKey::from_position(1 << 63);
    assigned(
        previous,
        [(SliceKey::EMPTY, serving([lower])), (middle, serving([upper]))],
    )
}

/// The first assignment, in two slices, both served by one pod.
pub fn all_by(pod: &Pod) -> Arc<Assignment> {
    halves(&Assignment::unassigned(), pod, pod)
}

/// The generation of that number, which must not be negative.
pub fn generation(number: i64) -> Generation {
    Generation::from_number(number).expect("generations are not negative")
}
