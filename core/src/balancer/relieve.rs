//! Relieve: pods that carry too much give slices away, the hottest first.

use std::collections::BinaryHeap;

use super::decision::{MoveCause, SearchStats};
use super::plan_slice::{PlanSlice, SliceHold};
use super::search::{Candidate, Search};
use crate::assignment::PodIndex;
use crate::load::Load;

/// How many of the coldest pods are asked whether they would swap.
const SWAP_PARTNERS_MAX: usize = 8;

/// How often the search starts over.
const ROUNDS_MAX: usize = 4;

impl Search<'_, '_> {
    /// Brings all pods into the band. Those with a slice that is too much for any pod come last, after the ones below
    /// the band: nothing makes them well.
    pub(super) fn balance(mut self) -> SearchStats {
        // What was moved may have made room for what could not be moved before.
        for _ in 0..ROUNDS_MAX {
            let incurable = self.relieve();
            self.fill_cold();
            for pod in incurable {
                while self.relieve_one(pod).is_some() {}
            }
            if self.receivers.is_empty() {
                break;
            }
            self.level_out();
        }
        self.search
    }

    /// Relieves the pods above the band; answers those that cannot be brought into it.
    fn relieve(&mut self) -> Vec<PodIndex> {
        let above = self.placement.above(self.band.upper);
        let mut hottest: BinaryHeap<_> = above.map(|pod| (self.burden(pod), pod)).collect();
        let mut incurable = Vec::new();
        while let Some((burden, pod)) = hottest.pop() {
            let is_current = burden == self.burden(pod) && burden > self.band.upper;
            if is_current && self.is_incurable(pod) {
                incurable.push(pod);
            } else if is_current {
                let touched = self.relieve_one(pod);
                hottest.extend(touched.map(|to| (self.burden(to), to)));
                hottest.extend(touched.map(|_| (self.burden(pod), pod)));
            }
        }
        incurable.dedup();
        incurable
    }

    /// One step that brings the pod closer to the band: a small slice less, or, where all small ones together would not
    /// do, a large one exchanged for small ones, or one more owner for a hot key. Answers who took it.
    fn relieve_one(&mut self, pod: PodIndex) -> Option<PodIndex> {
        let goal = self.band.upper;
        match self.can_be_shed(pod) {
            true => self
                .shed_one(pod, goal)
                .or_else(|| self.swap(pod))
                .or_else(|| self.share_one(pod)),
            false => self
                .swap(pod)
                .or_else(|| self.share_one(pod))
                .or_else(|| self.shed_one(pod, goal)),
        }
    }

    /// Whether slices for which the coldest pod has room would together bring the pod into the band.
    fn can_be_shed(&mut self, pod: PodIndex) -> bool {
        let room = self.room();
        let excess = self.burden(pod).saturating_sub(self.band.upper);
        let candidates = self.candidates(pod);
        self.search.held += self.placement.holdings(pod).len() - candidates.len();
        let small = candidates.into_iter().filter(|candidate| candidate.gain <= room);
        small.map(|candidate| candidate.gain).sum::<u128>() >= excess
    }

    /// Moves the slice that brings the pod furthest towards the goal without going beyond, or the smallest that goes
    /// beyond, to the coldest pod.
    fn shed_one(&mut self, from: PodIndex, goal: u128) -> Option<PodIndex> {
        let excess = self.burden(from).saturating_sub(goal);
        if excess == 0 {
            return None;
        }
        let mut candidates = self.candidates(from);
        candidates.sort_unstable_by_key(|candidate| candidate.order_for(excess));
        // Who takes something should stay well inside the band, if that can be.
        for highest in [self.band.well_inside(), self.highest(from)] {
            for candidate in &candidates {
                if !self.is_affordable(candidate.load, from) {
                    continue;
                }
                if let Some(to) = self.recipient(candidate, from, highest) {
                    self.carry_out(candidate, from, to);
                    return Some(to);
                }
            }
        }
        None
    }

    /// Moves a large slice to a pod that gives away small ones to make room. That costs much, so it is not done for
    /// what may be noise.
    fn swap(&mut self, from: PodIndex) -> Option<PodIndex> {
        if self.placement.pod(from).steady_burden() <= self.band.upper {
            return None;
        }
        let (excess, room) = (self.burden(from).saturating_sub(self.band.upper), self.room());
        let mut candidates = self.candidates(from);
        candidates.retain(|candidate| candidate.gain > room);
        // The smallest that is enough; where none is, the smallest.
        candidates.sort_unstable_by_key(|candidate| (candidate.gain < excess, candidate.gain, candidate.slice));
        let cold = self.placement.coldest_first().filter(|pod| *pod != from);
        let partners: Vec<_> = cold.take(SWAP_PARTNERS_MAX).collect();
        for large in candidates {
            for to in partners.iter().copied() {
                if let Some(small) = self.given_for(&large, from, to) {
                    self.carry_out(&large, from, to);
                    self.give_away(small, to);
                    return Some(to);
                }
            }
        }
        None
    }

    /// What a pod would give away to make room for a slice; `None` if that would not make the two better off.
    fn given_for(&self, large: &Candidate, from: PodIndex, to: PodIndex) -> Option<Vec<Candidate>> {
        let limit = self.highest(from).max(self.alone(large.slice, to));
        if limit >= self.burden(from) || !self.placement.may_take(to, large.slice, Some(from)) {
            return None;
        }
        let crowded = self.placement.pod(to).burden_with(large.share);
        let mut excess = crowded.saturating_sub(limit);
        let mut given = Vec::new();
        let mut small = self.candidates(to);
        small.retain(|candidate| candidate.gain < large.gain);
        while excess > 0 {
            let order = |(_, candidate): &(usize, &Candidate)| candidate.order_for(excess);
            let (at, _) = small.iter().enumerate().min_by_key(order)?;
            let best = small.swap_remove(at);
            excess = excess.saturating_sub(best.gain);
            given.push(best);
        }
        // What cannot be given away in this round is in the next one.
        let moved: Load = given.iter().map(|small| small.load).sum();
        let is_better = crowded < self.burden(from) || self.may_afford(large.load + moved, from);
        (is_better && self.may_afford(large.load, from)).then_some(given)
    }

    fn give_away(&mut self, small: Vec<Candidate>, from: PodIndex) {
        for candidate in small {
            if !self.is_affordable(candidate.load, from) {
                continue;
            }
            let well_inside = self.recipient(&candidate, from, self.band.well_inside());
            let to = well_inside.or_else(|| self.recipient(&candidate, from, self.band.upper));
            if let Some(to) = to {
                self.carry_out(&candidate, from, to);
            }
        }
    }

    /// Gives the pod's largest hot key one more owner, beside the warm ones.
    fn share_one(&mut self, pod: PodIndex) -> Option<PodIndex> {
        let largest = self.placement.holdings(pod).iter().copied();
        let largest = largest.max_by_key(|slice| (self.alone(*slice, pod), *slice))?;
        let planned = self.placement.slice(largest);
        let is_worth_it = self.alone(largest, pod) * 4 > self.band.level;
        if !is_worth_it || !self.may_be_shared(planned) {
            return None;
        }
        let share = planned.cost.share(1, planned.owner_count() as u128 + 1);
        let highest = self.band.well_inside();
        let fits = |to: &PodIndex| {
            self.placement.pod(*to).burden_with(share) <= highest && self.placement.may_take(*to, largest, None)
        };
        let to = self.placement.up_to(highest).find(fits)?;
        self.placement.assign(largest, to, None, MoveCause::Hot);
        self.receivers.insert(to);
        Some(to)
    }

    fn may_be_shared(&self, planned: &PlanSlice) -> bool {
        planned.slice.holds_one_key()
            && planned.hold != SliceHold::Poisoned
            && planned.owner_count() < self.owner_count_max
    }

    /// Whoever had to take more than is good gives small slices on, so that nobody is left at the edge.
    fn level_out(&mut self) {
        for pod in std::mem::take(&mut self.receivers) {
            while self.shed_one(pod, self.band.well_inside()).is_some() {}
        }
    }
}
