//! Replicate: every slice has as many owners as its target wants, and as its load needs.

use std::cmp::Reverse;

use super::BalancerSettings;
use super::allowance::Allowance;
use super::band::Band;
use super::decision::MoveCause;
use super::placement::Placement;
use super::plan_pod::PodAvailability;
use super::plan_slice::{PlanSlice, SliceHold};
use crate::assignment::PodIndex;

/// A key that is too hot for one pod is spread so thin that a pod could carry this many such shares: thick ones leave
/// their owners no room for anything else, and noise in a single key throws them out of the band.
const SHARES_PER_LEVEL: u128 = 3;

/// How many owners a slice may have.
struct OwnerCountBounds {
    min: usize,
    max: usize,
    pod_count: usize,
}

/// Brings the owners of each slice between `min_replicas` and `max_replicas`, costliest slices first. Above the least
/// are those of single keys that one pod cannot carry, as few as it takes; new ones stand beside the warm ones.
pub(super) fn replicate(placement: &mut Placement, band: &Band, settings: &BalancerSettings) {
    let pod_count = placement.coldest_first().count();
    let min = (settings.min_replicas as usize).min(pod_count);
    let max = (settings.max_replicas as usize).min(pod_count).max(min);
    let bounds = OwnerCountBounds { min, max, pod_count };
    let is_off = |planned: &PlanSlice| owner_count(placement, planned) != min || is_hot(planned, band, &bounds);
    let mut off: Vec<usize> = (0..placement.slices().len())
        .filter(|at| is_off(&placement.slices()[*at]))
        .collect();
    off.sort_by_key(|slice| (Reverse(placement.slice(*slice).cost.peak()), *slice));
    for slice in off {
        replicate_one(placement, band, &bounds, slice);
    }
}

fn replicate_one(placement: &mut Placement, band: &Band, bounds: &OwnerCountBounds, slice: usize) {
    let count = owner_count(placement, placement.slice(slice));
    let wanted = wanted(placement.slice(slice), band, bounds, 100);
    // A replica goes when it would not be missed if the load doubled.
    let kept = wanted.max(count.min(self::wanted(placement.slice(slice), band, bounds, 200)));
    for number in count..wanted {
        let Some(pod) = successor(placement, slice) else { break };
        let (from, cause) = match number < bounds.min {
            true => predecessor(placement, slice),
            false => (None, MoveCause::Hot),
        };
        placement.assign(slice, pod, from, cause);
    }
    for _ in kept..count {
        let serving = placement.slice(slice).owners();
        let hottest = serving.max_by_key(|pod| (placement.pod(*pod).burden(), *pod));
        let Some(pod) = hottest else { break };
        placement.release(slice, pod);
    }
}

fn owner_count(placement: &Placement, planned: &PlanSlice) -> usize {
    planned.owners().filter(|pod| placement.may_own(*pod)).count()
}

fn is_hot(planned: &PlanSlice, band: &Band, bounds: &OwnerCountBounds) -> bool {
    bounds.max > bounds.min && wanted(planned, band, bounds, 100) > bounds.min
}

/// How many owners the slice should have if it had so many hundredths of its load: so few that each carries no more
/// than the level, and so many that one round makes room for them. A replica on a level pod leaves room for its share
/// of what the key adds to the level, and for the tolerance.
fn wanted(planned: &PlanSlice, band: &Band, bounds: &OwnerCountBounds, hundredths: u128) -> usize {
    if planned.hold == SliceHold::Poisoned || !planned.slice.holds_one_key() {
        return bounds.min;
    }
    let cost = u128::from(planned.cost.peak().milli()) * hundredths / 100;
    let pods = bounds.pod_count.max(1) as u128;
    let total = band.level * pods;
    let to_carry = match cost <= band.level {
        true => 1,
        false => (cost * SHARES_PER_LEVEL).div_ceil(band.level.max(1)),
    };
    let room = cost / pods + band.tolerance;
    let to_make_room = match to_carry {
        0 | 1 => 0,
        _ => cost.saturating_sub(Allowance::of_a_round(total)).div_ceil(room.max(1)),
    };
    let wanted = usize::try_from(to_carry.max(to_make_room)).unwrap_or(usize::MAX);
    wanted.clamp(bounds.min, bounds.max)
}

/// Who gets the slice: a pod that is just giving it up and is warm; for poisoned keys one that has such keys already;
/// else the coldest one in a zone of its own; else the coldest one.
fn successor(placement: &Placement, slice: usize) -> Option<PodIndex> {
    let planned = placement.slice(slice);
    let is_warm = |pod: &PodIndex| placement.may_own(*pod) && planned.is_given_up_by(*pod);
    if let Some(warm) = planned.before.iter().map(|replica| replica.pod).find(is_warm) {
        return Some(warm);
    }
    let is_free = |pod: &PodIndex| placement.may_take(*pod, slice, None);
    let free = || placement.coldest_first().filter(is_free);
    if planned.hold == SliceHold::Poisoned {
        let has_such = |pod: &PodIndex| {
            let mut held = placement.holdings(*pod).iter();
            held.any(|held| placement.slice(*held).hold == SliceHold::Poisoned)
        };
        if let Some(pod) = free().find(has_such) {
            return Some(pod);
        }
    }
    let zone = |pod: PodIndex| &placement.pod(pod).pod.zone;
    let is_in_new_zone = |pod: &PodIndex| planned.owners().all(|other| zone(other) != zone(*pod));
    let has_no_part = |pod: &PodIndex| !planned.has_part(*pod);
    free()
        .find(is_in_new_zone)
        .or_else(|| free().next())
        // Without memory anywhere it is still better to be served than not.
        .or_else(|| placement.coldest_first().find(has_no_part))
}

/// The draining pod that waits for a successor, if there is one.
fn predecessor(placement: &Placement, slice: usize) -> (Option<PodIndex>, MoveCause) {
    let replicas = placement.slice(slice).before.iter();
    let is_draining = |pod: &PodIndex| placement.pod(*pod).availability == PodAvailability::Draining;
    match replicas.map(|replica| replica.pod).find(is_draining) {
        Some(pod) => (Some(pod), MoveCause::Draining),
        None => (None, MoveCause::Missing),
    }
}
