//! Relieve: pods with too much load give slices away, the hottest first.

use std::collections::BinaryHeap;

use super::decision::{MoveCause, SearchStats};
use super::plan_slice::{PlanSlice, SliceHold};
use super::search::{Candidate, Search};
use crate::assignment::PodIndex;
use crate::load::Load;

/// The most pods that are considered for a swap, coldest first.
const SWAP_PARTNERS_MAX: usize = 8;

/// The most rounds of relieving and filling in one search.
const ROUNDS_MAX: usize = 4;

impl Search<'_, '_> {
    /// Brings all pods into the band. Pods with a slice that exceeds the band alone come last, after the pods below the
    /// band: no move brings them into it.
    pub(super) fn balance(mut self) -> SearchStats {
        // The moves of one round may have made room for further ones.
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
        self.stats
    }

    /// Relieves the pods above the band; returns the ones that no move can bring into it.
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

    /// Takes one step that brings the pod closer to the band: moves a small slice away, or, if all small ones together are
    /// not enough, swaps a large one for small ones, or adds an owner to a hot key. Returns the receiving pod.
    fn relieve_one(&mut self, pod: PodIndex) -> Option<PodIndex> {
        let goal = self.band.upper;
        let candidates = self.candidates(pod);
        self.stats.held += self.placement.holdings(pod).len() - candidates.len();
        match self.is_sheddable(&candidates, pod) {
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

    /// Whether moving all candidates that fit the coldest pod would bring the pod into the band.
    fn is_sheddable(&self, candidates: &[Candidate], pod: PodIndex) -> bool {
        let room = self.room();
        let excess = self.burden(pod).saturating_sub(self.band.upper);
        let small = candidates.iter().filter(|candidate| candidate.gain <= room);
        small.map(|candidate| candidate.gain).sum::<u128>() >= excess
    }

    /// Moves one slice to the coldest pod: the one that brings the pod closest to the goal without passing it, or else the
    /// smallest one that passes it.
    fn shed_one(&mut self, from: PodIndex, goal: u128) -> Option<PodIndex> {
        let excess = self.burden(from).saturating_sub(goal);
        if excess == 0 {
            return None;
        }
        let mut candidates = self.candidates(from);
        candidates.sort_unstable_by_key(|candidate| candidate.order_for(excess));
        // A recipient should stay well inside the band if possible.
        for highest in [self.band.well_inside(), self.highest(from)] {
            for candidate in &candidates {
                if !self.allow_or_record_refusal(candidate.load, from) {
                    continue;
                }
                if let Some(to) = self.recipient(candidate, from, highest) {
                    self.apply_move(candidate, from, to);
                    return Some(to);
                }
            }
        }
        None
    }

    /// Moves a large slice to a pod that gives small ones away to make room. A swap costs much, so only a steady load above
    /// the band justifies it.
    fn swap(&mut self, from: PodIndex) -> Option<PodIndex> {
        if self.placement.pod(from).steady_burden() <= self.band.upper {
            return None;
        }
        let (excess, room) = (self.burden(from).saturating_sub(self.band.upper), self.room());
        let mut candidates = self.candidates(from);
        candidates.retain(|candidate| candidate.gain > room);
        // The smallest that is enough; if none is, the smallest.
        candidates.sort_unstable_by_key(|candidate| (candidate.gain < excess, candidate.gain, candidate.slice));
        let cold = self.placement.coldest_first().filter(|pod| *pod != from);
        let partners: Vec<_> = cold.take(SWAP_PARTNERS_MAX).collect();
        for large in candidates {
            for to in partners.iter().copied() {
                if let Some(small) = self.given_for(&large, from, to) {
                    self.apply_move(&large, from, to);
                    self.give_away(small, to);
                    return Some(to);
                }
            }
        }
        None
    }

    /// The slices that a pod would give away to make room for `large`; `None` if the swap would not help.
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
        // Slices that cannot be given away in this round are given away in the next one.
        let moved: Load = given.iter().map(|small| small.load).sum();
        let is_better = crowded < self.burden(from) || self.is_affordable(large.load + moved, from);
        (is_better && self.is_affordable(large.load, from)).then_some(given)
    }

    fn give_away(&mut self, small: Vec<Candidate>, from: PodIndex) {
        for candidate in small {
            if !self.allow_or_record_refusal(candidate.load, from) {
                continue;
            }
            let well_inside = self.recipient(&candidate, from, self.band.well_inside());
            let to = well_inside.or_else(|| self.recipient(&candidate, from, self.band.upper));
            if let Some(to) = to {
                self.apply_move(&candidate, from, to);
            }
        }
    }

    /// Adds an owner to the hottest slice of the pod if that is one key.
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

    /// Pods that received slices and are near the upper edge give small ones away again.
    fn level_out(&mut self) {
        for pod in std::mem::take(&mut self.receivers) {
            while self.shed_one(pod, self.band.well_inside()).is_some() {}
        }
    }
}
