//! Fill: pods with too little load receive slices from the hottest pods.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::search::{Candidate, Search};
use crate::assignment::PodIndex;

/// The most pods whose slices are considered, hottest first.
const DONORS_MAX: usize = 16;

impl Search<'_, '_> {
    /// Fills pods that joined up to the level.
    pub(super) fn fill_joined(&mut self) {
        let joined = self
            .placement
            .coldest_first()
            .filter(|pod| self.placement.pod(*pod).has_joined);
        self.fill(joined.collect(), self.band.level);
    }

    /// Fills pods below the band up to its lower edge.
    pub(super) fn fill_cold(&mut self) {
        let cold = self.placement.up_to(self.band.lower.saturating_sub(1));
        self.fill(cold.collect(), self.band.lower);
    }

    /// Fills these pods up to a goal, the coldest first.
    fn fill(&mut self, pods: Vec<PodIndex>, goal: u128) {
        let short = pods.into_iter().map(|pod| Reverse((self.burden(pod), pod)));
        let mut coldest: BinaryHeap<_> = short.collect();
        while let Some(Reverse((_, pod))) = coldest.pop() {
            let burden = self.burden(pod);
            if burden < goal && self.fill_one(pod, goal) {
                coldest.push(Reverse((self.burden(pod), pod)));
            }
        }
    }

    /// Moves a slice from one of the hottest pods to this one; returns whether one fitted.
    fn fill_one(&mut self, to: PodIndex, goal: u128) -> bool {
        let need = goal - self.burden(to);
        let donors: Vec<_> = self.donors(to).collect();
        let best = donors.into_iter().find_map(|from| {
            let least = need.min(self.band.tolerance / 8);
            let surplus = (self.burden(from) - self.band.level).max(least);
            let fits = |candidate: &Candidate| {
                candidate.gain <= surplus
                    && self.placement.pod(to).burden_with(candidate.share) <= self.band.well_inside().max(goal)
                    && self.is_affordable(candidate.load, from)
                    && self.placement.may_take(to, candidate.slice, Some(from))
            };
            let candidates = self.candidates(from).into_iter().filter(fits);
            let best = candidates.min_by_key(|candidate| candidate.order_for(need))?;
            Some((best, from))
        });
        if let Some((best, from)) = best {
            self.apply_move(&best, from, to);
        }
        best.is_some()
    }

    /// The hottest pods above the level that own more than one slice.
    fn donors(&self, to: PodIndex) -> impl Iterator<Item = PodIndex> {
        let hot = self.placement.coldest_first().rev();
        hot.take_while(|pod| self.burden(*pod) > self.band.level)
            .filter(move |pod| *pod != to && self.placement.holdings(*pod).len() > 1)
            .take(DONORS_MAX)
    }
}
