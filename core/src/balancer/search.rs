//! The search for moves that bring pods into the band: candidates, recipients and the allowance.

use std::collections::BTreeSet;

use super::BalancerSettings;
use super::allowance::Allowance;
use super::band::Band;
use super::decision::{MoveCause, SearchStats};
use super::placement::Placement;
use super::plan_slice::SliceHold;
use crate::assignment::PodIndex;
use crate::load::{Demand, Load};

/// The most pods that are considered as the recipient of a slice, coldest first.
const RECIPIENTS_MAX: usize = 64;

/// The operations that [`relieve`](super::relieve) and [`fill`](super::fill) share. No slice moves twice in one search, so
/// the number of slices bounds its work.
pub(super) struct Search<'p, 'a> {
    pub(super) placement: &'p mut Placement<'a>,
    pub(super) band: &'p Band,
    pub(super) stats: SearchStats,
    /// The fewest owners of a slice, and the most owners of a hot key.
    pub(super) owner_count_min: usize,
    pub(super) owner_count_max: usize,
    /// The pods that have received slices.
    pub(super) receivers: BTreeSet<PodIndex>,
    cause: MoveCause,
    /// The limit on moves; `None` where there is none.
    allowance: Option<&'p mut Allowance>,
}

/// A slice that could be moved off its pod.
#[derive(Clone, Copy)]
pub(super) struct Candidate {
    pub(super) slice: usize,
    /// Its cost for its pod.
    pub(super) share: Demand,
    /// The load that moves with it.
    pub(super) load: Load,
    /// By how much the move lowers the burden of its pod.
    pub(super) gain: u128,
    /// The bytes that become cold for each unit of gain, as a power of two; 0 if unknown.
    price: u32,
}

impl Candidate {
    /// The order in which candidates are tried for a wanted gain: gains up to it before larger ones, then by price, then by
    /// the distance to the wanted gain.
    pub(super) fn order_for(&self, wanted: u128) -> (bool, u32, u128, usize) {
        match self.gain <= wanted {
            true => (false, self.price, wanted - self.gain, self.slice),
            false => (true, self.price, self.gain, self.slice),
        }
    }
}

impl<'p, 'a> Search<'p, 'a> {
    /// A search for slices for pods that joined.
    pub(super) fn for_joined(placement: &'p mut Placement<'a>, band: &'p Band, settings: &BalancerSettings) -> Self {
        Self {
            placement,
            band,
            stats: SearchStats::default(),
            owner_count_min: settings.min_replicas as usize,
            owner_count_max: settings.max_replicas as usize,
            receivers: BTreeSet::new(),
            cause: MoveCause::Joined,
            allowance: None,
        }
    }

    /// A search for moves for balance.
    pub(super) fn for_balance(
        placement: &'p mut Placement<'a>,
        band: &'p Band,
        allowance: &'p mut Allowance,
        settings: &BalancerSettings,
    ) -> Self {
        Self {
            cause: MoveCause::Imbalance,
            allowance: Some(allowance),
            ..Self::for_joined(placement, band, settings)
        }
    }

    pub(super) fn burden(&self, pod: PodIndex) -> u128 {
        self.placement.pod(pod).burden()
    }

    /// The burden of a pod that owned nothing but its share of the slice.
    pub(super) fn alone(&self, slice: usize, pod: PodIndex) -> u128 {
        let share = self.placement.slice(slice).cost_per_owner();
        self.placement.pod(pod).relative(share)
    }

    /// Whether the steady load of the pod exceeds its capacity.
    pub(super) fn is_overloaded(&self, pod: PodIndex) -> bool {
        self.placement.pod(pod).steady_burden() > self.band.capacity
    }

    /// Whether one slice alone exceeds the band, so that no move can relieve the pod.
    pub(super) fn is_incurable(&self, pod: PodIndex) -> bool {
        let mut held = self.placement.holdings(pod).iter();
        held.any(|slice| self.alone(*slice, pod) > self.band.upper)
    }

    /// The most that a pod may carry after it receives a slice from this one: less if no move can relieve this one, so that
    /// others are not loaded without benefit.
    pub(super) fn highest(&self, from: PodIndex) -> u128 {
        match self.is_incurable(from) {
            true => self.band.well_inside(),
            false => self.band.upper,
        }
    }

    /// How much more the coldest pod could carry within the band.
    pub(super) fn room(&self) -> u128 {
        let coldest = self.placement.coldest_first().next();
        let burden = coldest.map_or(self.band.upper, |pod| self.burden(pod));
        self.band.upper.saturating_sub(burden)
    }

    /// The slices that may move off the pod and whose move lowers its burden.
    pub(super) fn candidates(&self, pod: PodIndex) -> Vec<Candidate> {
        let is_overloaded = self.is_overloaded(pod);
        let burden = self.burden(pod);
        let candidate = |slice: &usize| {
            let planned = self.placement.slice(*slice);
            // A key with more owners than the fewest is hot: `replicate` adds and removes its owners.
            let is_replicated = planned.owner_count() > self.owner_count_min;
            let may_move = !is_replicated
                && match planned.hold {
                    SliceHold::Free => true,
                    SliceHold::Cooldown => is_overloaded,
                    SliceHold::Moving | SliceHold::Poisoned | SliceHold::Pinned(_) => false,
                };
            let share = planned.cost_per_owner();
            let gain = burden - self.placement.pod(pod).burden_without(share);
            (may_move && gain > 0).then_some(Candidate {
                slice: *slice,
                share,
                load: planned.demand.now.share(1, planned.owner_count().max(1) as u128),
                gain,
                price: (u128::from(share.memory) / gain.max(1))
                    .checked_ilog2()
                    .map_or(0, |bits| bits + 1),
            })
        };
        self.placement.holdings(pod).iter().filter_map(candidate).collect()
    }

    /// The coldest pod that may take the slice and then carries at most `highest`, and less than the current owner.
    pub(super) fn recipient(&mut self, candidate: &Candidate, from: PodIndex, highest: u128) -> Option<PodIndex> {
        self.stats.candidates += 1;
        let limit = highest.min(self.burden(from).saturating_sub(1));
        let fits = |to: &PodIndex| {
            *to != from
                && self.placement.pod(*to).burden_with(candidate.share) <= limit
                && self.placement.may_take(*to, candidate.slice, Some(from))
        };
        let found = self.placement.up_to(limit).take(RECIPIENTS_MAX).find(fits);
        self.stats.without_room += usize::from(found.is_none());
        found
    }

    /// The result of [`Search::is_affordable`]; a refusal is counted in `SearchStats::unaffordable`.
    pub(super) fn allow_or_record_refusal(&mut self, load: Load, from: PodIndex) -> bool {
        let is_affordable = self.is_affordable(load, from);
        self.stats.unaffordable += usize::from(!is_affordable);
        is_affordable
    }

    /// Whether so much load may still move off this pod.
    pub(super) fn is_affordable(&self, load: Load, from: PodIndex) -> bool {
        let is_overloaded = self.is_overloaded(from);
        let allowance = self.allowance.as_ref();
        allowance.is_none_or(|allowance| allowance.covers(load, is_overloaded))
    }

    pub(super) fn apply_move(&mut self, candidate: &Candidate, from: PodIndex, to: PodIndex) {
        self.placement.assign(candidate.slice, to, Some(from), self.cause);
        self.placement.slice_mut(candidate.slice).hold = SliceHold::Moving;
        self.receivers.insert(to);
        if let Some(allowance) = &mut self.allowance {
            allowance.record_move(candidate.load);
        }
    }
}
