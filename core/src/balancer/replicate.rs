//! Replicate: gives every slice as many owners as the settings and its load require.

use std::cmp::Reverse;

use super::BalancerSettings;
use super::allowance::Allowance;
use super::band::Band;
use super::decision::MoveCause;
use super::placement::Placement;
use super::plan_pod::PodAvailability;
use super::plan_slice::{PlanSlice, SliceHold};
use crate::assignment::PodIndex;

/// A key that is too hot for one pod gets so many owners that a pod could carry this many of its shares: larger shares leave
/// their owners no room for other slices, and noise in one key pushes them out of the band.
const SHARES_PER_LEVEL: u128 = 3;

/// The fewest and the most owners of a slice.
struct OwnerCountBounds {
    min: usize,
    max: usize,
    pod_count: usize,
}

/// Brings the number of owners of each slice between `min_replicas` and `max_replicas`, costliest slices first. Only single
/// keys that one pod cannot carry get more than `min_replicas`, as few as possible; warm owners stay.
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
    // An owner is released only if the others could carry twice the load.
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

/// The number of owners of the slice at so many hundredths of its load: the fewest such that each carries no more than the
/// level, and that the other load of the owners can move away within one round. A share on a pod at the level has room for
/// what the key adds to the level, and for the tolerance.
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

/// The next owner of the slice: a warm pod that is giving it up; for poisoned keys one that owns poisoned keys already; else
/// the coldest pod in a zone without an owner; else the coldest pod.
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
        // If no pod has enough memory, the slice is served nevertheless.
        .or_else(|| placement.coldest_first().find(has_no_part))
}

/// The draining pod that yields to the new owner, if there is one.
fn predecessor(placement: &Placement, slice: usize) -> (Option<PodIndex>, MoveCause) {
    let replicas = placement.slice(slice).before.iter();
    let is_draining = |pod: &PodIndex| placement.pod(*pod).availability == PodAvailability::Draining;
    match replicas.map(|replica| replica.pod).find(is_draining) {
        Some(pod) => (Some(pod), MoveCause::Draining),
        None => (None, MoveCause::Missing),
    }
}
