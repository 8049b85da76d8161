//! Split: divides slices at pins, around hot keys, by load and by the number of pods. Owners do not change.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use super::BalancerSettings;
use super::band::Band;
use super::plan::Plan;
use super::plan_slice::{PlanSlice, SliceHold};
use super::pricing::Pricing;
use super::signals::Signals;
use crate::keyspace::{Slice, SliceKey};

/// The most slices a pod, as a multiple of `slices_per_pod_min`.
const SLICES_PER_POD_FACTOR: usize = 2;

/// Splits slices at the ends of pins and of poisoned keys.
pub(super) fn split_at_bounds(plan: &mut Plan, signals: &Signals, pricing: &Pricing) {
    split_at(plan, &bounds(signals), pricing);
}

/// Splits slices around hot keys, and in halves until none carries more than half a tolerance and there are
/// `slices_per_pod_min` replicas for each pod. Returns the number of added slices.
pub(super) fn split(
    plan: &mut Plan,
    band: &Band,
    signals: &Signals,
    pricing: &Pricing,
    settings: &BalancerSettings,
) -> usize {
    let count = plan.slices().len();
    let keys = around_hot_keys(plan, band, signals, settings);
    split_at(plan, &keys, pricing);
    halve(plan, band, pricing, settings);
    plan.slices().len() - count
}

/// The starts and ends of pinned and poisoned slices.
fn bounds(signals: &Signals) -> BTreeSet<SliceKey> {
    let pinned = signals.pins.iter().map(|pin| &pin.slice);
    let ends = |slice: &Slice| [Some(slice.start().clone()), slice.end().cloned()];
    pinned.chain(&signals.poisoned).flat_map(ends).flatten().collect()
}

/// Both sides of each key that alone exceeds the load of a slice, and of the hot keys in poisoned slices.
fn around_hot_keys(plan: &Plan, band: &Band, signals: &Signals, settings: &BalancerSettings) -> BTreeSet<SliceKey> {
    let most = slice_cost_max(band) * u128::from(settings.min_replicas);
    let hot = signals
        .load
        .points()
        .iter()
        .filter(|(_, demand)| u128::from(demand.peak().milli()) > most);
    let poisoned = signals.poisoned.iter().flat_map(|slice| signals.load.points_of(slice));
    let has_owners = plan.owners().next().is_some();
    let sides = |key: &SliceKey| [Some(key.clone()), key.successor()];
    let keys = hot.chain(poisoned).filter(|_| has_owners);
    keys.flat_map(|(key, _)| sides(key)).flatten().collect()
}

fn split_at(plan: &mut Plan, keys: &BTreeSet<SliceKey>, pricing: &Pricing) {
    let is_start = |key: &SliceKey| {
        let found = plan.slices().binary_search_by(|planned| planned.slice.start().cmp(key));
        found.is_ok()
    };
    if keys.iter().all(|key| key.is_empty() || is_start(key)) {
        return;
    }
    let mut slices = Vec::with_capacity(plan.slices().len() + keys.len());
    let mut keys = keys.iter().peekable();
    for planned in plan.slices() {
        let mut rest = planned.clone();
        while let Some(key) = keys.next_if(|key| rest.slice.end().is_none_or(|end| *key < end)) {
            if let Some([left, right]) = rest.split_at(key, pricing) {
                slices.push(left);
                rest = right;
            }
        }
        slices.push(rest);
    }
    plan.replace_slices(slices);
}

/// Halves the costliest slices. The first time their number is rounded up to a power of two, so that equal pods get equal
/// parts of a key space without measured load.
fn halve(plan: &mut Plan, band: &Band, pricing: &Pricing, settings: &BalancerSettings) {
    let (fewest, most) = slice_count_bounds(plan, settings);
    let count = plan.slices().len();
    let wanted = if count == 1 { fewest.next_power_of_two() } else { fewest };
    let cost_max = slice_cost_max(band);
    let is_large = |planned: &PlanSlice| peak_per_owner(planned) > cost_max && may_be_split(planned);
    if fewest == 0 || (count >= fewest && !plan.slices().iter().any(is_large)) {
        return;
    }
    let (mut heap, mut done): (BinaryHeap<CostRanked>, Vec<PlanSlice>) = (BinaryHeap::new(), Vec::new());
    heap.extend(plan.slices().iter().cloned().map(CostRanked::new));
    while let Some(costly) = heap.pop() {
        let count = heap.len() + done.len() + 1;
        let is_wanted = count < wanted || (count < most && peak_per_owner(&costly.planned) > cost_max);
        if !is_wanted {
            done.push(costly.planned);
            break;
        }
        let halves = may_be_split(&costly.planned).then(|| costly.planned.halved(pricing));
        match halves.flatten() {
            Some(halves) => heap.extend(halves.map(CostRanked::new)),
            None => done.push(costly.planned),
        }
    }
    done.extend(heap.into_iter().map(|costly| costly.planned));
    if done.len() > count {
        done.sort_unstable_by(|a, b| a.slice.start().cmp(b.slice.start()));
        plan.replace_slices(done);
    }
}

/// The smallest and the largest number of slices.
pub(super) fn slice_count_bounds(plan: &Plan, settings: &BalancerSettings) -> (usize, usize) {
    let replica_count = plan.owners().count() * settings.slices_per_pod_min as usize;
    let fewest = replica_count.div_ceil(settings.min_replicas as usize);
    (fewest, fewest * SLICES_PER_POD_FACTOR)
}

/// The most that a slice may cost each of its owners: a move of more would overshoot the band.
pub(super) fn slice_cost_max(band: &Band) -> u128 {
    (band.tolerance / 2).max(1)
}

fn peak_per_owner(planned: &PlanSlice) -> u128 {
    u128::from(planned.cost_per_owner().peak().milli())
}

/// Pinned and poisoned slices stay whole.
fn may_be_split(planned: &PlanSlice) -> bool {
    matches!(planned.hold, SliceHold::Free | SliceHold::Cooldown | SliceHold::Moving)
}

/// A slice ordered by cost, then by width, then by start: of two equal ones, the first in key order is the greater.
struct CostRanked {
    planned: PlanSlice,
    rank: (u128, u128, Reverse<SliceKey>),
}

impl CostRanked {
    fn new(planned: PlanSlice) -> Self {
        let start = Reverse(planned.slice.start().clone());
        let rank = (peak_per_owner(&planned), planned.slice.width(), start);
        Self { planned, rank }
    }
}

impl PartialEq for CostRanked {
    fn eq(&self, other: &Self) -> bool {
        self.rank == other.rank
    }
}

impl Eq for CostRanked {}

impl PartialOrd for CostRanked {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for CostRanked {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.rank.cmp(&other.rank)
    }
}
