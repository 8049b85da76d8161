//! Ordered pulls: the slices that a pod warms before it serves them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Ownership;
use crate::assignment::Phase;
use crate::keyspace::{Slice, SliceKey};
use crate::pod::Pod;
use crate::warmth::Warmth;

/// The slices that the assigner ordered to warm, with the progress of each.
#[derive(Debug, Default)]
pub(super) struct OrderedPulls {
    ordered: Vec<Slice>,
    /// By the start of their slices. A pull may continue after its slice is served, until all values have arrived.
    running: BTreeMap<SliceKey, OrderedPull>,
}

#[derive(Debug)]
struct OrderedPull {
    slice: Slice,
    warmth: Warmth,
}

/// A command about one slice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PullCommand {
    /// Pull its values from `source`.
    Start { slice: Slice, source: Arc<Pod> },
    /// Stop a pull that is not complete.
    Stop { slice: Slice },
}

impl OrderedPulls {
    /// The assigner ordered these slices; earlier orders are void. Running pulls continue while the pod has a share in their slices.
    pub(super) fn on_ordered(&mut self, slices: Vec<Slice>) {
        self.ordered = slices;
    }

    /// The pulls to stop and to start under this ownership.
    pub(super) fn follow(&mut self, ownership: &Ownership) -> Vec<PullCommand> {
        let mut commands = self.stop(ownership);
        for slice in &self.ordered {
            if !is_warming(ownership, slice) || self.covering(slice).is_some() {
                continue;
            }
            let (_, state) = ownership.assignment().get(slice.start());
            let source = state.replicas.source().map(|pod| ownership.assignment().pod(pod));
            // If no pod has the slice warm, there is nothing to pull.
            let warmth = Warmth {
                is_complete: source.is_none(),
                ..Warmth::default()
            };
            let slice = slice.clone();
            commands.extend(source.map(|source| PullCommand::Start {
                slice: slice.clone(),
                source: Arc::new(source.clone()),
            }));
            self.running
                .insert(slice.start().clone(), OrderedPull { slice, warmth });
        }
        commands
    }

    /// Stops the pulls of slices in which the pod has no share any more, and removes those that are served and complete.
    fn stop(&mut self, ownership: &Ownership) -> Vec<PullCommand> {
        let mut commands = Vec::new();
        self.running.retain(|_, pull| {
            let shares = ownership.ranges().overlapping(&pull.slice);
            let mut phases = shares
                .filter_map(|(_, share)| share.map(|share| share.phase))
                .peekable();
            let has_share = phases.peek().is_some();
            let is_done = pull.warmth.is_complete && phases.all(|phase| phase != Phase::Warming);
            if !has_share && !pull.warmth.is_complete {
                let slice = pull.slice.clone();
                commands.push(PullCommand::Stop { slice });
            }
            has_share && !is_done
        });
        commands
    }

    /// Records the progress of a pull; returns whether it has made the slice warm enough.
    pub(super) fn on_warmed(&mut self, slice: &Slice, warmth: Warmth, heat_share_min_thousandths: u32) -> bool {
        let found = self.running.get_mut(slice.start()).filter(|pull| pull.slice == *slice);
        let Some(pull) = found else { return false };
        let before = std::mem::replace(&mut pull.warmth, warmth);
        warmth.is_enough(heat_share_min_thousandths) && !before.is_enough(heat_share_min_thousandths)
    }

    /// The warmth of the ordered slices that are not served yet.
    pub(super) fn report(&self, ownership: &Ownership) -> Vec<(Slice, Warmth)> {
        let awaited = self.ordered.iter().filter(|slice| is_warming(ownership, slice));
        let reported = awaited.filter_map(|slice| Some((slice.clone(), self.covering(slice)?.warmth)));
        reported.collect()
    }

    /// The pull that covers the slice, which may have been split off a larger one since the pull started.
    fn covering(&self, slice: &Slice) -> Option<&OrderedPull> {
        let (_, pull) = self.running.range(..=slice.start()).next_back()?;
        let is_covered = pull.slice.intersection(slice).as_ref() == Some(slice);
        is_covered.then_some(pull)
    }
}

fn is_warming(ownership: &Ownership, slice: &Slice) -> bool {
    let (_, share) = ownership.share_of(slice.start());
    share.is_some_and(|share| share.phase == Phase::Warming)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assignment::{Assignment, PodIndex, Proposal, ReplicaSet};
    use crate::keyspace::SliceMap;
    use crate::pod::fixtures::pod_named;
    use crate::slicelet::Identity;

    const ENOUGH: u32 = 950;

    fn key(byte: u8) -> SliceKey {
        if byte == 0 {
            SliceKey::EMPTY
        } else {
            SliceKey::try_new(&[byte]).unwrap()
        }
    }

    fn slice(start: u8, end: Option<u8>) -> Slice {
        Slice::new(key(start), end.map(key)).unwrap()
    }

    /// What the pod `me` owns after `before`, with slices of these starts and phases of the pods `me` and `other`.
    fn ownership(before: &Ownership, slices: &[(u8, Option<Phase>, Option<Phase>)]) -> Ownership {
        let replicas = |me: Option<Phase>, other: Option<Phase>| {
            let mut replicas = ReplicaSet::none();
            me.into_iter().for_each(|phase| replicas.set(PodIndex(0), phase));
            other.into_iter().for_each(|phase| replicas.set(PodIndex(1), phase));
            replicas
        };
        let me = pod_named("me");
        let entries = slices
            .iter()
            .map(|(start, me, other)| (key(*start), replicas(*me, *other)));
        let proposal = Proposal {
            pods: vec![me.clone(), pod_named("other")],
            slices: SliceMap::try_from_starts(entries.collect()).unwrap(),
        };
        let identity = Identity {
            name: me.name,
            incarnation: me.incarnation,
        };
        let next: Assignment = proposal.after(before.assignment()).unwrap();
        before.followed_by(Arc::new(next), &identity)
    }

    const WARMING: (Option<Phase>, Option<Phase>) = (Some(Phase::Warming), Some(Phase::Yielding));
    const SWITCHED: (Option<Phase>, Option<Phase>) = (Some(Phase::Serving), Some(Phase::Leaving));

    fn warming() -> (OrderedPulls, Ownership) {
        let mut pulls = OrderedPulls::default();
        let owned = ownership(
            &Ownership::none(),
            &[(0, None, Some(Phase::Serving)), (50, WARMING.0, WARMING.1)],
        );
        pulls.on_ordered(vec![slice(50, None)]);
        let commands = pulls.follow(&owned);
        let source = Arc::new(pod_named("other"));
        assert_eq!(
            commands,
            [PullCommand::Start {
                slice: slice(50, None),
                source
            }]
        );
        (pulls, owned)
    }

    fn warmth(heat_share_thousandths: u32) -> Warmth {
        Warmth {
            heat_share_thousandths,
            size: 1,
            is_complete: false,
        }
    }

    #[test]
    fn an_order_waits_for_its_assignment() {
        let mut pulls = OrderedPulls::default();
        pulls.on_ordered(vec![slice(50, None)]);
        assert_eq!(pulls.follow(&Ownership::none()), []);
        let owned = ownership(
            &Ownership::none(),
            &[(0, None, Some(Phase::Serving)), (50, WARMING.0, WARMING.1)],
        );
        assert_eq!(pulls.follow(&owned).len(), 1);
        assert_eq!(pulls.follow(&owned), [], "the pull runs");
    }

    #[test]
    fn a_slice_becomes_warm_enough_once() {
        let (mut pulls, owned) = warming();
        assert!(!pulls.on_warmed(&slice(50, None), warmth(949), ENOUGH));
        assert!(pulls.on_warmed(&slice(50, None), warmth(950), ENOUGH));
        assert!(!pulls.on_warmed(&slice(50, None), warmth(1_000), ENOUGH));
        assert_eq!(pulls.report(&owned), [(slice(50, None), warmth(1_000))]);
    }

    #[test]
    fn both_parts_of_a_split_slice_are_as_warm_as_the_whole() {
        let (mut pulls, owned) = warming();
        pulls.on_warmed(&slice(50, None), warmth(700), ENOUGH);
        let split = [
            (0, None, Some(Phase::Serving)),
            (50, WARMING.0, WARMING.1),
            (70, WARMING.0, WARMING.1),
        ];
        let split = ownership(&owned, &split);
        let parts = [slice(50, Some(70)), slice(70, None)];
        pulls.on_ordered(parts.to_vec());
        assert_eq!(pulls.follow(&split), []);
        assert_eq!(pulls.report(&split), parts.map(|part| (part, warmth(700))));
    }

    #[test]
    fn a_pull_goes_on_after_the_switch_and_stops_once_the_slice_is_gone() {
        let (mut pulls, owned) = warming();
        let switched = ownership(&owned, &[(0, None, Some(Phase::Serving)), (50, SWITCHED.0, SWITCHED.1)]);
        pulls.on_ordered(Vec::new());
        assert_eq!(pulls.follow(&switched), []);
        assert_eq!(pulls.report(&switched), [], "no order is open");
        let gone = ownership(&switched, &[(0, None, Some(Phase::Serving))]);
        assert_eq!(pulls.follow(&gone), [PullCommand::Stop { slice: slice(50, None) }]);
    }

    #[test]
    fn a_slice_that_no_pod_has_warm_is_complete_at_once() {
        let mut pulls = OrderedPulls::default();
        let owned = ownership(&Ownership::none(), &[(0, WARMING.0, None)]);
        pulls.on_ordered(vec![Slice::FULL]);
        assert_eq!(pulls.follow(&owned), []);
        assert!(pulls.report(&owned)[0].1.is_complete);
    }
}
