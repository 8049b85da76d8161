//! The routing table: looks up the pods that serve an application key, without a lock or an allocation.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use crate::assignment::{Assignment, PodIndex};
use crate::keyspace::{KeyTooLong, SliceIndex};
use crate::target::KeyMode;

/// One assignment, arranged for lookups of keys.
#[derive(Debug, Clone)]
pub struct RoutingTable {
    assignment: Arc<Assignment>,
    key_mode: KeyMode,
    index: SliceIndex,
    /// The span of each slice in `serving`.
    spans: Box<[Span]>,
    /// The serving pods of all slices; slices with the same pods share a span, so that the array fits a cache.
    serving: Box<[PodIndex]>,
}

#[derive(Debug, Clone, Copy)]
struct Span {
    start: u32,
    length: u32,
}

/// The pods that serve a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route<'a> {
    /// The index of the key's slice, in key order.
    pub slice: usize,
    /// The pods that serve it, as indexes into the pod table of the assignment; empty if it has no owner.
    pub serving: &'a [PodIndex],
}

impl RoutingTable {
    /// Builds the table of an assignment.
    #[must_use]
    pub fn new(assignment: Arc<Assignment>, key_mode: KeyMode) -> Self {
        let mut serving = Vec::new();
        let mut known: BTreeMap<Vec<PodIndex>, Span> = BTreeMap::new();
        let spans = assignment.slices().values().map(|state| {
            let pods: Vec<PodIndex> = state.replicas.serving().collect();
            *known
                .entry(pods)
                .or_insert_with_key(|pods| Span::appended(&mut serving, pods))
        });
        Self {
            index: SliceIndex::of(assignment.slices()),
            spans: spans.collect(),
            serving: serving.into(),
            assignment,
            key_mode,
        }
    }

    /// The pods that serve the key.
    ///
    /// # Errors
    /// When the key is longer than [`SliceKey::LENGTH_MAX`](crate::keyspace::SliceKey::LENGTH_MAX).
    #[inline]
    pub fn route(&self, application_key: &[u8]) -> Result<Route<'_>, KeyTooLong> {
        let slice = self.index.slice_of_application_key(application_key, self.key_mode)?;
        Ok(Route {
            slice,
            serving: &self.serving[self.spans[slice].range()],
        })
    }

    /// The assignment that the table was built from.
    #[must_use]
    pub const fn assignment(&self) -> &Arc<Assignment> {
        &self.assignment
    }

    /// How the table converts application keys to slice keys.
    #[must_use]
    pub const fn key_mode(&self) -> KeyMode {
        self.key_mode
    }
}

impl Span {
    fn appended(serving: &mut Vec<PodIndex>, pods: &[PodIndex]) -> Self {
        let fits = "fewer than 2^32 replicas fit in memory";
        let span = Self {
            start: u32::try_from(serving.len()).expect(fits),
            length: u32::try_from(pods.len()).expect(fits),
        };
        serving.extend_from_slice(pods);
        span
    }

    #[inline]
    const fn range(self) -> Range<usize> {
        self.start as usize..self.start as usize + self.length as usize
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::assignment::{Phase, Proposal, ReplicaSet};
    use crate::keyspace::{SliceKey, SliceMap};
    use crate::pod::fixtures::pod;

    fn assignment(owners: &[Vec<(u32, Phase)>]) -> Arc<Assignment> {
        let pods = (0..4).map(pod).collect();
        let start = |number: usize| SliceKey::from_position((u64::MAX / owners.len() as u64) * number as u64);
        let slices = owners.iter().enumerate().map(|(number, replicas)| {
            let mut set = ReplicaSet::none();
            replicas.iter().for_each(|(pod, phase)| set.set(PodIndex(*pod), *phase));
            (if number == 0 { SliceKey::EMPTY } else { start(number) }, set)
        });
        let slices = SliceMap::try_from_starts(slices.collect()).unwrap();
        let unassigned = Assignment::unassigned();
        Proposal { pods, slices }
            .after(&unassigned)
            .map_or_else(|| Arc::new(unassigned), Arc::new)
    }

    fn replicas() -> impl Strategy<Value = Vec<(u32, Phase)>> {
        let phase = prop_oneof![
            Just(Phase::Warming),
            Just(Phase::Serving),
            Just(Phase::Yielding),
            Just(Phase::Leaving)
        ];
        prop::collection::vec((0_u32..4, phase), 0..4)
    }

    proptest! {
        #[test]
        fn a_route_names_exactly_the_serving_pods_of_the_slice(
            owners in prop::collection::vec(replicas(), 1..40),
            key in prop::collection::vec(any::<u8>(), 0..20),
            mode in prop_oneof![Just(KeyMode::Hashed), Just(KeyMode::Ordered)],
        ) {
            let table = RoutingTable::new(assignment(&owners), mode);
            let route = table.route(&key).unwrap();
            let (slice, state) = table.assignment().get(&SliceKey::of(&key, mode).unwrap());
            prop_assert_eq!(route.serving, state.replicas.serving().collect::<Vec<_>>());
            prop_assert_eq!(table.assignment().slices().iter().nth(route.slice).unwrap().0, slice);
        }
    }

    #[test]
    fn a_key_over_the_limit_is_rejected_in_either_mode() {
        for mode in [KeyMode::Hashed, KeyMode::Ordered] {
            let table = RoutingTable::new(assignment(&[vec![]]), mode);
            assert!(table.route(&[0; SliceKey::LENGTH_MAX]).is_ok());
            assert!(table.route(&[0; SliceKey::LENGTH_MAX + 1]).is_err());
        }
    }
}
