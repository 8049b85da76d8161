//! Merge: unites cold neighbours when there are too many slices.

use super::BalancerSettings;
use super::allowance::Allowance;
use super::band::Band;
use super::decision::MoveCause;
use super::plan::Plan;
use super::plan_slice::{PlanSlice, SliceHold};
use super::pricing::Pricing;
use super::split::{slice_cost_max, slice_count_bounds};
use crate::assignment::PodIndex;
use crate::load::Load;

/// Merges neighbours until there are an eighth fewer slices than the limit. Pairs with the same owners come first, since
/// merging them moves nothing. Of the others, the pairs with the least load to move are brought to the same owners, within
/// the allowance, and are merged once the handoff is complete. Returns the number of removed slices.
pub(super) fn merge(
    plan: &mut Plan,
    band: &Band,
    settings: &BalancerSettings,
    pricing: &Pricing,
    allowance: &mut Allowance,
) -> usize {
    let (fewest, most) = slice_count_bounds(plan, settings);
    let count = plan.slices().len();
    if count <= most || fewest == 0 {
        return 0;
    }
    let cost_max = slice_cost_max(band) / 2;
    let mut wanted = most - most / 8 + pending_count(plan);
    while plan.slices().len() > wanted {
        let chosen = chosen_pairs(plan, wanted, cost_max, settings, allowance);
        if chosen.is_empty() {
            break;
        }
        let is_alike = |at: &usize| plan.slices()[*at].has_same_owners_as(&plan.slices()[*at + 1]);
        let (alike, apart): (Vec<_>, Vec<_>) = chosen.into_iter().partition(is_alike);
        bring_together(plan, &apart);
        wanted += apart.len();
        merge_pairs(plan, &alike, pricing);
    }
    count - plan.slices().len()
}

/// How many pairs are being brought to the same owners.
fn pending_count(plan: &Plan) -> usize {
    let is_pending = |pair: &&[PlanSlice]| {
        pair.iter().any(|planned| planned.hold == SliceHold::Moving) && pair[0].owners().eq(pair[1].owners())
    };
    plan.slices().windows(2).filter(is_pending).count()
}

/// The indexes of the left slices of pairs that do not overlap, in order.
fn chosen_pairs(
    plan: &Plan,
    wanted: usize,
    cost_max: u128,
    settings: &BalancerSettings,
    allowance: &mut Allowance,
) -> Vec<usize> {
    let slices = plan.slices();
    let mut pairs: Vec<_> = (0..slices.len() - 1)
        .filter(|at| may_merge(&slices[*at], &slices[*at + 1], cost_max, settings))
        .map(|at| (moved_load(&slices[at], &slices[at + 1]), at))
        .collect();
    pairs.sort_unstable();
    let mut is_taken = vec![false; slices.len()];
    let mut chosen = Vec::new();
    for (load, at) in pairs {
        if slices.len() - chosen.len() <= wanted {
            break;
        }
        let is_covered = load == Load::ZERO || allowance.covers_merge(load);
        if !is_taken[at] && !is_taken[at + 1] && is_covered {
            allowance.record_merge(load);
            (is_taken[at], is_taken[at + 1]) = (true, true);
            chosen.push(at);
        }
    }
    chosen.sort_unstable();
    chosen
}

fn may_merge(left: &PlanSlice, right: &PlanSlice, cost_max: u128, settings: &BalancerSettings) -> bool {
    let hold_max = match left.has_same_owners_as(right) {
        true => SliceHold::Cooldown,
        false => SliceHold::Free,
    };
    let is_plain =
        |planned: &PlanSlice| planned.hold <= hold_max && planned.owner_count() == settings.min_replicas as usize;
    let cost = left.cost_per_owner().peak() + right.cost_per_owner().peak();
    is_plain(left) && is_plain(right) && u128::from(cost.milli()) <= cost_max
}

/// The load that must move so that both have the same owners.
fn moved_load(left: &PlanSlice, right: &PlanSlice) -> Load {
    match left.has_same_owners_as(right) {
        true => Load::ZERO,
        false => left.demand.now.min(right.demand.now),
    }
}

/// Moves the colder slice of each pair to the owners of the other one.
fn bring_together(plan: &mut Plan, chosen: &[usize]) {
    for at in chosen {
        let (left, right) = (&plan.slices()[*at], &plan.slices()[*at + 1]);
        let (colder, owners): (usize, Vec<PodIndex>) = match left.demand.now < right.demand.now {
            true => (*at, right.owners().collect()),
            false => (*at + 1, left.owners().collect()),
        };
        let planned = plan.slices()[colder].clone();
        let mut going = planned.owners().filter(|pod| !owners.contains(pod));
        for to in owners.iter().filter(|pod| !planned.is_owned_by(**pod)) {
            plan.assign(colder, *to, going.next(), MoveCause::Merged);
        }
        plan.slice_mut(colder).hold = SliceHold::Moving;
    }
}

/// Joins pairs that have the same owners.
fn merge_pairs(plan: &mut Plan, chosen: &[usize], pricing: &Pricing) {
    if chosen.is_empty() {
        return;
    }
    let mut chosen = chosen.iter().copied().peekable();
    let mut merged: Vec<PlanSlice> = Vec::with_capacity(plan.slices().len());
    let mut at = 0;
    while at < plan.slices().len() {
        let left = &plan.slices()[at];
        if chosen.next_if_eq(&at).is_some() {
            merged.push(left.merged_with(&plan.slices()[at + 1], pricing));
            at += 2;
        } else {
            merged.push(left.clone());
            at += 1;
        }
    }
    plan.replace_slices(merged);
}
