//! Churn: the load that lost an owner when clients switched to a new assignment.

use std::collections::BTreeSet;

use emberkeep_core::assignment::{Assignment, SliceState};
use emberkeep_core::keyspace::{Slice, SliceKey};
use emberkeep_core::load::Load;
use emberkeep_core::pod::PodName;

use crate::cluster::Traffic;

/// The load that lost an owner; of a slice with several replicas, the share of each lost one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Churn {
    /// The part whose owner left or is draining.
    pub forced: Load,
    /// The part whose owner stayed.
    pub voluntary: Load,
}

impl Churn {
    /// The churn from one assignment to the next. A pod that restarted under its name is the same owner.
    #[must_use]
    pub fn between(
        before: &Assignment,
        after: &Assignment,
        traffic: &Traffic,
        stays: impl Fn(&PodName) -> bool,
    ) -> Self {
        let mut churn = Self::default();
        for piece in pieces(before, after) {
            let (_, old) = before.get(piece.start());
            let (_, new) = after.get(piece.start());
            let (old, new) = (owners(before, old), owners(after, new));
            let load = traffic.load_in(&piece).share(1, old.len() as u128);
            for lost in old.difference(&new) {
                match stays(lost) {
                    true => churn.voluntary += load,
                    false => churn.forced += load,
                }
            }
        }
        churn
    }
}

fn owners<'a>(assignment: &'a Assignment, state: &SliceState) -> BTreeSet<&'a PodName> {
    state.replicas.serving().map(|pod| &assignment.pod(pod).name).collect()
}

/// The changed slices of `after`, split at the bounds of `before`, so that each piece has one owner set in both.
fn pieces(before: &Assignment, after: &Assignment) -> Vec<Slice> {
    let known = before.generation();
    let changed = after.slices().iter().filter(|(_, state)| state.changed_at > known);
    let split = |slice: Slice| {
        let inner = before.slices().overlapping(&slice).map(|(old, _)| old.start().clone());
        let mut starts: Vec<SliceKey> = inner.filter(|start| slice.start() < start).collect();
        starts.insert(0, slice.start().clone());
        let ends = starts[1..].iter().cloned().map(Some).chain([slice.end().cloned()]);
        let pieces: Vec<Slice> = starts
            .iter()
            .cloned()
            .zip(ends)
            .filter_map(|(start, end)| Slice::new(start, end))
            .collect();
        pieces
    };
    changed.flat_map(|(slice, _)| split(slice)).collect()
}

#[cfg(test)]
mod tests {
    use emberkeep_core::assignment::{Phase, PodIndex, Proposal, ReplicaSet};
    use emberkeep_core::keyspace::SliceMap;
    use emberkeep_core::pod::{Incarnation, Pod, PodAddress};

    use super::*;

    fn pod(number: u32) -> Pod {
        Pod::new(
            PodName::try_new(&format!("pod-{number}")).unwrap(),
            Incarnation(1),
            PodAddress::try_new("host:80").unwrap(),
        )
    }

    /// The assignment after `previous` in which slices, by where they start, are served by these pods.
    fn assignment(previous: &Assignment, slices: &[(u64, &[u32])]) -> Assignment {
        let start = |position| match position {
            0 => SliceKey::EMPTY,
            _ => SliceKey::from_position(position),
        };
        let set = |pods: &[u32]| {
            let mut set = ReplicaSet::none();
            pods.iter().for_each(|pod| set.set(PodIndex(*pod), Phase::Serving));
            set
        };
        let slices = slices.iter().map(|(position, pods)| (start(*position), set(pods)));
        let proposal = Proposal {
            pods: (0..3).map(pod).collect(),
            slices: SliceMap::try_from_starts(slices.collect()).unwrap(),
        };
        proposal.after(previous).unwrap()
    }

    #[test]
    fn only_lost_owners_count_and_a_replica_for_its_share() {
        let mut traffic = Traffic::default();
        traffic.set((0..100).map(|position| (position, Load::from_units(1))));
        let before = assignment(&Assignment::unassigned(), &[(0, &[0]), (50, &[1, 2])]);
        // 20 keys change owners: 10 move from pod-0 to pod-1, 10 lose pod-2 and keep pod-1.
        let after = assignment(&before, &[(0, &[0]), (40, &[1]), (60, &[1, 2])]);
        let churn = |stays: fn(&PodName) -> bool| Churn::between(&before, &after, &traffic, stays);
        assert_eq!(churn(|_| true).voluntary, Load::from_units(10 + 5));
        assert_eq!(churn(|_| true).forced, Load::ZERO);
        assert_eq!(churn(|pod| pod.as_str() != "pod-0").forced, Load::from_units(10));
    }
}
