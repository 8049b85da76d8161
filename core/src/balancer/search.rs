//! The search for moves that bring pods into the band: what could move, where to, and whether it may.

use std::collections::BTreeSet;

use super::BalancerSettings;
use super::allowance::Allowance;
use super::band::Band;
use super::decision::{MoveCause, SearchStats};
use super::placement::Placement;
use super::plan_slice::SliceHold;
use crate::assignment::PodIndex;
use crate::load::{Demand, Load};

/// How many of the coldest pods are asked whether they can take a slice.
const RECIPIENTS_MAX: usize = 64;

/// What the steps of [`relieve`](super::relieve) and [`fill`](super::fill) are made of. No slice moves twice in one
/// search, so there are never more steps than slices: that is its budget of work.
pub(super) struct Search<'p, 'a> {
    pub(super) placement: &'p mut Placement<'a>,
    pub(super) band: &'p Band,
    pub(super) search: SearchStats,
    /// How many owners a slice has at least, and a hot key at most.
    pub(super) owner_count_min: usize,
    pub(super) owner_count_max: usize,
    /// The pods that took slices.
    pub(super) receivers: BTreeSet<PodIndex>,
    cause: MoveCause,
    /// What may be moved; `None` where moving is not a choice.
    allowance: Option<&'p mut Allowance>,
}

/// A slice that could be moved off its pod.
#[derive(Clone, Copy)]
pub(super) struct Candidate {
    pub(super) slice: usize,
    /// What it costs its pod.
    pub(super) share: Demand,
    /// The load that moves with it.
    pub(super) load: Load,
    /// By how much its pod's burden falls without it.
    pub(super) gain: u128,
    /// What each unit of that costs: the bytes to be rebuilt, as a power of two; 0 where they are not known.
    price: u32,
}

impl Candidate {
    /// The order in which candidates are tried that should gain so much: the cheapest first, of these the largest gains
    /// that are not more, then the smallest that are.
    pub(super) fn order_for(&self, wanted: u128) -> (bool, u32, u128, usize) {
        match self.gain <= wanted {
            true => (false, self.price, wanted - self.gain, self.slice),
            false => (true, self.price, self.gain, self.slice),
        }
    }
}

impl<'p, 'a> Search<'p, 'a> {
    /// The search for what pods that joined are to get.
    pub(super) fn for_joined(placement: &'p mut Placement<'a>, band: &'p Band, settings: &BalancerSettings) -> Self {
        Self {
            placement,
            band,
            search: SearchStats::default(),
            owner_count_min: settings.min_replicas as usize,
            owner_count_max: settings.max_replicas as usize,
            receivers: BTreeSet::new(),
            cause: MoveCause::Joined,
            allowance: None,
        }
    }

    /// The search for balance.
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

    /// What a pod would carry that had nothing but its share of the slice.
    pub(super) fn alone(&self, slice: usize, pod: PodIndex) -> u128 {
        let share = self.placement.slice(slice).cost_per_owner();
        self.placement.pod(pod).relative(share)
    }

    /// Whether the pod carries more than it can, and not for a moment.
    pub(super) fn is_overloaded(&self, pod: PodIndex) -> bool {
        self.placement.pod(pod).steady_burden() > self.band.capacity
    }

    /// Whether one slice alone is too much for the pod.
    pub(super) fn is_incurable(&self, pod: PodIndex) -> bool {
        let mut held = self.placement.holdings(pod).iter();
        held.any(|slice| self.alone(*slice, pod) > self.band.upper)
    }

    /// How much a pod may carry that takes a slice from this one: what cannot make its pod well must not make others
    /// worse.
    pub(super) fn highest(&self, from: PodIndex) -> u128 {
        match self.is_incurable(from) {
            true => self.band.well_inside(),
            false => self.band.upper,
        }
    }

    /// How much more the coldest pod could carry.
    pub(super) fn room(&self) -> u128 {
        let coldest = self.placement.coldest_first().next();
        let burden = coldest.map_or(self.band.upper, |pod| self.burden(pod));
        self.band.upper.saturating_sub(burden)
    }

    /// The slices that may be moved off the pod and whose move helps it.
    pub(super) fn candidates(&self, pod: PodIndex) -> Vec<Candidate> {
        let is_overloaded = self.is_overloaded(pod);
        let burden = self.burden(pod);
        let candidate = |slice: &usize| {
            let planned = self.placement.slice(*slice);
            // A key that has more owners than it must is hot: its owners stay, more come or some go.
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

    /// The coldest pod that can take the slice, carries no more than `highest` with it, and less than its present one.
    pub(super) fn recipient(&mut self, candidate: &Candidate, from: PodIndex, highest: u128) -> Option<PodIndex> {
        self.search.candidates += 1;
        let limit = highest.min(self.burden(from).saturating_sub(1));
        let fits = |to: &PodIndex| {
            *to != from
                && self.placement.pod(*to).burden_with(candidate.share) <= limit
                && self.placement.may_take(*to, candidate.slice, Some(from))
        };
        let found = self.placement.up_to(limit).take(RECIPIENTS_MAX).find(fits);
        self.search.without_room += usize::from(found.is_none());
        found
    }

    /// Whether so much may still move, off this pod.
    pub(super) fn is_affordable(&mut self, load: Load, from: PodIndex) -> bool {
        let is_affordable = self.may_afford(load, from);
        self.search.unaffordable += usize::from(!is_affordable);
        is_affordable
    }

    /// The same, uncounted.
    pub(super) fn may_afford(&self, load: Load, from: PodIndex) -> bool {
        let is_overloaded = self.is_overloaded(from);
        let allowance = self.allowance.as_ref();
        allowance.is_none_or(|allowance| allowance.covers(load, is_overloaded))
    }

    pub(super) fn carry_out(&mut self, candidate: &Candidate, from: PodIndex, to: PodIndex) {
        self.placement.assign(candidate.slice, to, Some(from), self.cause);
        self.placement.slice_mut(candidate.slice).hold = SliceHold::Moving;
        self.receivers.insert(to);
        if let Some(allowance) = &mut self.allowance {
            allowance.spend(candidate.load);
        }
    }
}
