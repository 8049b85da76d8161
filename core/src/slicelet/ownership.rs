//! Ownership: the slices that one pod holds under one assignment, and since when without interruption.

use std::sync::Arc;

use crate::assignment::{Assignment, Generation, Phase, PodIndex, SliceState};
use crate::keyspace::{Slice, SliceIndex, SliceKey, SliceMap};
use crate::pod::{Incarnation, Pod, PodName};

/// The identity of a pod: its name and incarnation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The pod's name, unique in the target.
    pub name: PodName,
    /// Distinguishes this process from earlier ones of the same name.
    pub incarnation: Incarnation,
}

/// A pod's share in one slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// The pod's phase in the slice.
    pub phase: Phase,
    /// The number of pods that serve the slice.
    pub serving_count: u32,
    /// The epoch of the slice, which fences off writes of earlier owners.
    pub epoch: Generation,
    /// The generation since which the pod may answer for every key of the slice without interruption;
    /// [`Generation::NONE`] while it may not.
    pub held_since: Generation,
}

impl Share {
    /// Whether the pod answers requests: it owns the slice, or is its former owner and lingers for late requests.
    #[must_use]
    pub const fn may_answer(&self) -> bool {
        match self.phase {
            Phase::Serving | Phase::Yielding | Phase::Leaving => true,
            Phase::Warming => false,
        }
    }

    /// Whether the pod may change values: it owns the slice, and no successor serves it yet.
    #[must_use]
    pub const fn may_write(&self) -> bool {
        self.phase.is_routed_to()
    }
}

/// The slices that one pod holds under one assignment: immutable, rebuilt for each assignment, fast to look up.
///
/// The keys between two slices of the pod are one gap, regardless of the number of slices of other pods in it. So the size of
/// a lookup table depends on the slices of this pod, not on those of the target.
#[derive(Debug, Clone)]
pub struct Ownership {
    assignment: Arc<Assignment>,
    ranges: SliceMap<Option<Share>>,
    index: SliceIndex,
    /// The values of `ranges`, by their number.
    shares: Box<[Option<Share>]>,
}

impl Ownership {
    /// The ownership before the first assignment, which has no slices.
    #[must_use]
    pub fn none() -> Self {
        Self::of_ranges(Arc::new(Assignment::unassigned()), SliceMap::full(None))
    }

    /// The ownership of the pod of that identity under `assignment`, which replaces this one.
    ///
    /// A pod of the same name with another incarnation owns nothing: slices are assigned to an incarnation.
    #[must_use]
    pub fn followed_by(&self, assignment: Arc<Assignment>, identity: &Identity) -> Self {
        let is_identity = |index: &PodIndex| assignment.pod(*index).incarnation == identity.incarnation;
        let pod = assignment.index_of(&identity.name).filter(is_identity);
        let ranges = pod.map_or_else(|| SliceMap::full(None), |pod| self.ranges_of(&assignment, pod));
        Self::of_ranges(assignment, ranges)
    }

    /// The assignment from which this ownership is derived.
    #[must_use]
    pub const fn assignment(&self) -> &Arc<Assignment> {
        &self.assignment
    }

    /// The generation of the assignment from which this ownership is derived.
    #[must_use]
    pub fn generation(&self) -> Generation {
        self.assignment.generation()
    }

    /// The number of the range that holds the key, below [`Ownership::range_count`], and the pod's share in it.
    #[inline]
    #[must_use]
    pub fn share_of(&self, key: &SliceKey) -> (usize, Option<&Share>) {
        let number = self.index.slice_of(key);
        (number, self.shares[number].as_ref())
    }

    /// The pod's slices and the gaps between them, by number.
    #[must_use]
    pub const fn ranges(&self) -> &SliceMap<Option<Share>> {
        &self.ranges
    }

    /// The number of ranges, gaps included.
    #[must_use]
    pub fn range_count(&self) -> usize {
        self.shares.len()
    }

    /// The slices in which the pod has a share, in key order.
    pub fn owned(&self) -> impl Iterator<Item = (Slice, Share)> {
        self.ranges
            .iter()
            .filter_map(|(slice, share)| share.map(|share| (slice, share)))
    }

    /// The number of slices that the pod serves.
    #[must_use]
    pub fn served_count(&self) -> usize {
        self.owned().filter(|(_, share)| share.phase.is_routed_to()).count()
    }

    /// Whether the pod has no share at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.shares.iter().all(Option::is_none)
    }

    /// Whether the pod has held the key without interruption since generation `since`.
    #[must_use]
    pub fn has_held_since(&self, key: &SliceKey, since: Generation) -> bool {
        let (_, share) = self.share_of(key);
        share.is_some_and(|share| share.may_answer() && share.held_since <= since)
    }

    /// The slice of the assignment that holds the key, and the first pod that serves it.
    #[must_use]
    pub fn server_of(&self, key: &SliceKey) -> (Slice, Option<&Pod>) {
        let (slice, state) = self.assignment.get(key);
        (
            slice,
            state.replicas.serving().next().map(|pod| self.assignment.pod(pod)),
        )
    }

    /// The ranges in which the pod has a share and had none under `before`.
    #[must_use]
    pub fn gained_since(&self, before: &Ownership) -> Vec<Slice> {
        only_in(&self.ranges, &before.ranges)
    }

    /// The ranges in which the pod had a share under `before` and has none any more.
    #[must_use]
    pub fn lost_since(&self, before: &Ownership) -> Vec<Slice> {
        only_in(&before.ranges, &self.ranges)
    }

    fn ranges_of(&self, assignment: &Assignment, pod: PodIndex) -> SliceMap<Option<Share>> {
        let (slices, generation) = (assignment.slices(), assignment.generation());
        let mut entries: Vec<(SliceKey, Option<Share>)> = Vec::new();
        // Nearly all slices belong to other pods, so skipping one must be cheap.
        for (at, (start, state)) in slices.starts().zip(slices.values()).enumerate() {
            let phase = state.replicas.phase_of(pod);
            let share = phase.map(|phase| self.share_after(&slices.at(at).0, state, phase, generation));
            let continues_gap = share.is_none() && matches!(entries.last(), Some((_, None)));
            if !continues_gap {
                entries.push((start.clone(), share));
            }
        }
        SliceMap::try_from_starts(entries).expect("starts of an assignment increase from the empty key")
    }

    fn share_after(&self, slice: &Slice, state: &SliceState, phase: Phase, generation: Generation) -> Share {
        let serving_count = state.replicas.serving().count();
        let share = Share {
            phase,
            serving_count: u32::try_from(serving_count).expect("each serving pod has a number of 32 bits"),
            epoch: state.epoch,
            held_since: Generation::NONE,
        };
        if !share.may_answer() {
            return share;
        }
        // If generations were skipped, the slice may have been lost and regained in between. An epoch that is not newer than
        // the generation held before proves that it was not.
        let is_seamless = generation <= self.generation().next() || state.epoch <= self.generation();
        let held_since = if is_seamless { self.held_since(slice) } else { None };
        Share {
            held_since: held_since.unwrap_or(generation),
            ..share
        }
    }

    /// The generation since which all keys of the slice are held; `None` if some key is not.
    fn held_since(&self, slice: &Slice) -> Option<Generation> {
        let held = |share: &Option<Share>| share.filter(Share::may_answer).map(|share| share.held_since);
        self.ranges
            .overlapping(slice)
            .try_fold(Generation::NONE, |newest, (_, share)| {
                held(share).map(|since| newest.max(since))
            })
    }

    fn of_ranges(assignment: Arc<Assignment>, ranges: SliceMap<Option<Share>>) -> Self {
        Self {
            index: SliceIndex::of(&ranges),
            shares: ranges.values().copied().collect(),
            ranges,
            assignment,
        }
    }
}

/// The parts of the shares of `some` that have no share in `others`; adjacent parts are merged.
fn only_in(some: &SliceMap<Option<Share>>, others: &SliceMap<Option<Share>>) -> Vec<Slice> {
    let mut parts: Vec<Slice> = Vec::new();
    for (slice, _) in some.iter().filter(|(_, share)| share.is_some()) {
        let gaps = others.overlapping(&slice).filter(|(_, share)| share.is_none());
        for part in gaps.filter_map(|(gap, _)| gap.intersection(&slice)) {
            match parts.last_mut().filter(|last| last.end() == Some(part.start())) {
                Some(last) => {
                    *last = Slice::new(last.start().clone(), part.end().cloned()).expect("it grows at its end");
                }
                None => parts.push(part),
            }
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::assignment::{Proposal, Replica, ReplicaSet};
    use crate::pod::fixtures::{pod, pod_in, pod_name};

    fn identity(incarnation: u128) -> Identity {
        Identity {
            name: pod_name(0),
            incarnation: Incarnation(incarnation),
        }
    }

    fn key(byte: u8) -> SliceKey {
        SliceKey::try_new(&[byte]).unwrap()
    }

    fn slice(start: u8, end: u8) -> Slice {
        Slice::new(key(start), Some(key(end))).unwrap()
    }

    /// Slices by their start with the replicas of pods 0 and 1.
    type PhasePlan = Vec<(u8, Vec<(u32, Phase)>)>;

    fn proposal(plan: &PhasePlan, incarnation: u128) -> Proposal {
        let set = |replicas: &[(u32, Phase)]| -> ReplicaSet {
            let replica = |&(pod, phase)| Replica {
                pod: PodIndex(pod),
                phase,
            };
            replicas.iter().map(replica).collect()
        };
        let start = |at: u8| if at == 0 { SliceKey::EMPTY } else { key(at) };
        let entries = plan.iter().map(|(at, replicas)| (start(*at), set(replicas)));
        Proposal {
            pods: vec![pod_in(0, incarnation), pod(1)],
            slices: SliceMap::try_from_starts(entries.collect()).unwrap(),
        }
    }

    /// The ownership of pod 0 with incarnation 7 under the assignment of each plan, one after the other.
    fn history(plans: &[PhasePlan]) -> Vec<Ownership> {
        let mut history = vec![Ownership::none()];
        for plan in plans {
            let before = history.last().unwrap();
            if let Some(next) = proposal(plan, 7).after(before.assignment()) {
                history.push(before.followed_by(Arc::new(next), &identity(7)));
            }
        }
        history
    }

    const MINE: &[(u32, Phase)] = &[(0, Phase::Serving)];
    const OTHERS: &[(u32, Phase)] = &[(1, Phase::Serving)];
    const SHARED: &[(u32, Phase)] = &[(0, Phase::Serving), (1, Phase::Serving)];
    const WARMING: &[(u32, Phase)] = &[(0, Phase::Warming), (1, Phase::Serving)];

    fn held_since(ownership: &Ownership, byte: u8) -> Option<i64> {
        ownership.share_of(&key(byte)).1.map(|share| share.held_since.number())
    }

    #[test]
    fn a_pod_of_another_incarnation_owns_nothing() {
        let assignment = Arc::new(
            proposal(&vec![(0, MINE.to_vec())], 7)
                .after(&Assignment::unassigned())
                .unwrap(),
        );
        assert!(
            !Ownership::none()
                .followed_by(Arc::clone(&assignment), &identity(7))
                .is_empty()
        );
        assert!(Ownership::none().followed_by(assignment, &identity(8)).is_empty());
    }

    #[test]
    fn a_key_stays_held_through_splits_merges_and_other_pods() {
        let plans = [
            vec![(0, MINE.to_vec())],
            vec![(0, MINE.to_vec()), (100, MINE.to_vec())],
            vec![(0, SHARED.to_vec()), (100, MINE.to_vec())],
            vec![(0, MINE.to_vec())],
        ];
        for ownership in &history(&plans)[1..] {
            assert_eq!(
                held_since(ownership, 50),
                Some(1),
                "at generation {}",
                ownership.generation()
            );
        }
    }

    #[test]
    fn a_slice_that_was_lost_is_held_since_its_return() {
        let history = history(&[
            vec![(0, MINE.to_vec())],
            vec![(0, OTHERS.to_vec())],
            vec![(0, MINE.to_vec())],
        ]);
        let newest = history.last().unwrap();
        assert_eq!(held_since(newest, 50), Some(3));
        assert!(!newest.has_held_since(&key(50), history[1].generation()));
        assert!(newest.has_held_since(&key(50), newest.generation()));
    }

    #[test]
    fn a_slice_that_may_have_been_lost_unseen_is_held_since_its_return() {
        let seen = history(&[
            vec![(0, MINE.to_vec())],
            vec![(0, OTHERS.to_vec())],
            vec![(0, MINE.to_vec())],
        ]);
        let jumped = seen[1].followed_by(Arc::clone(seen[3].assignment()), &identity(7));
        assert_eq!(held_since(&jumped, 50), Some(3));
    }

    #[test]
    fn skipped_generations_with_changes_elsewhere_interrupt_nothing() {
        let here_and_there = |there: &[(u32, Phase)]| vec![(0, MINE.to_vec()), (100, there.to_vec())];
        let seen = history(&[here_and_there(OTHERS), here_and_there(MINE), here_and_there(OTHERS)]);
        let jumped = seen[1].followed_by(Arc::clone(seen[3].assignment()), &identity(7));
        assert_eq!(held_since(&jumped, 50), Some(1));
    }

    #[test]
    fn a_warming_pod_has_a_share_but_may_not_answer() {
        let history = history(&[vec![(0, WARMING.to_vec())]]);
        let (_, share) = history[1].share_of(&key(50));
        assert!(!share.unwrap().may_answer());
        assert!(!history[1].has_held_since(&key(50), history[1].generation()));
        let (_, server) = history[1].server_of(&key(50));
        assert_eq!(server, Some(&pod(1)));
    }

    #[test]
    fn gained_and_lost_slices_are_merged_to_ranges() {
        let history = history(&[
            vec![
                (0, OTHERS.to_vec()),
                (50, MINE.to_vec()),
                (80, MINE.to_vec()),
                (90, OTHERS.to_vec()),
            ],
            vec![(0, OTHERS.to_vec()), (20, MINE.to_vec()), (60, OTHERS.to_vec())],
        ]);
        assert_eq!(history[2].lost_since(&history[1]), vec![slice(60, 90)]);
        assert_eq!(history[2].gained_since(&history[1]), vec![slice(20, 50)]);
    }

    fn plan() -> impl Strategy<Value = PhasePlan> {
        let phase = prop_oneof![
            Just(Phase::Warming),
            Just(Phase::Serving),
            Just(Phase::Yielding),
            Just(Phase::Leaving)
        ];
        let replicas = prop::collection::vec((0_u32..2, phase), 0..3);
        prop::collection::btree_map(1_u8..8, replicas.clone(), 0..5).prop_flat_map(move |rest| {
            replicas.clone().prop_map(move |first| {
                let mut plan = vec![(0, first)];
                plan.extend(rest.clone());
                plan
            })
        })
    }

    proptest! {
        #[test]
        fn a_guard_is_current_only_if_its_key_was_held_all_the_time(
            plans in prop::collection::vec(plan(), 1..7),
            jumps in prop::collection::vec(1_usize..3, 1..7),
            byte in 0_u8..9,
        ) {
            let history = history(&plans);
            let may_answer = |ownership: &Ownership| ownership.share_of(&key(byte)).1.is_some_and(Share::may_answer);
            // A pod that skips assignments must never claim more than one that applies all of them.
            let mut seen = history[0].clone();
            let mut at = 0;
            let mut guards: Vec<usize> = Vec::new();
            for jump in jumps {
                at += jump;
                let Some(next) = history.get(at) else { break };
                seen = seen.followed_by(Arc::clone(next.assignment()), &identity(7));
                prop_assert_eq!(may_answer(&seen), may_answer(next));
                for &made in &guards {
                    let is_current = seen.has_held_since(&key(byte), history[made].generation());
                    prop_assert!(!is_current || history[made..=at].iter().all(may_answer));
                }
                guards.push(at);
            }
        }

        #[test]
        fn without_other_changes_to_its_slices_a_held_key_stays_current(plan in plan(), byte in 0_u8..9) {
            let history = history(&[plan.clone(), plan]);
            let newest = history.last().unwrap();
            let (_, share) = newest.share_of(&key(byte));
            let may_answer = share.is_some_and(Share::may_answer);
            prop_assert_eq!(newest.has_held_since(&key(byte), newest.generation()), may_answer);
        }

        #[test]
        fn gained_and_lost_are_exactly_what_changed(before in plan(), after in plan(), byte in 0_u8..9) {
            let has = |ownership: &Ownership| ownership.share_of(&key(byte)).1.is_some();
            let lies_in = |slices: Vec<Slice>| slices.iter().any(|slice| slice.contains(&key(byte)));
            for pair in history(&[before, after]).windows(2) {
                let (old, new) = (&pair[0], &pair[1]);
                prop_assert_eq!(lies_in(new.lost_since(old)), has(old) && !has(new));
                prop_assert_eq!(lies_in(new.gained_since(old)), has(new) && !has(old));
            }
        }
    }
}
