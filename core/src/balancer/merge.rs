//! Merge: where slices have become too many, cold neighbours become one.

use super::BalancerSettings;
use super::allowance::Allowance;
use super::band::Band;
use super::cut::{slice_cost_max, slice_count_bounds};
use super::decision::Cause;
use super::plan::Plan;
use super::plan_slice::{Hold, PlanSlice};
use super::pricing::Pricing;
use crate::assignment::ReplicaSet;
use crate::keyspace::Slice;
use crate::load::Load;

/// Joins neighbours until there are an eighth fewer slices than there may be: first those with the same owners, which
/// costs nothing, then, as far as the allowance goes, those of which the colder one has the least load to move. Answers
/// how many fewer there are.
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
    let wanted = most - most / 8;
    let cost_max = slice_cost_max(band) / 2;
    while plan.slices().len() > wanted {
        let chosen = chosen_pairs(plan, wanted, cost_max, settings, allowance);
        if chosen.is_empty() {
            break;
        }
        move_together(plan, &chosen);
        join(plan, &chosen, pricing);
    }
    count - plan.slices().len()
}

/// The left places of pairs that do not overlap, in order.
fn chosen_pairs(
    plan: &Plan,
    wanted: usize,
    cost_max: u128,
    settings: &BalancerSettings,
    allowance: &mut Allowance,
) -> Vec<usize> {
    let slices = plan.slices();
    let mut pairs: Vec<_> = (0..slices.len() - 1)
        .filter(|at| may_join(&slices[*at], &slices[*at + 1], cost_max, settings))
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
            allowance.spend_on_merge(load);
            (is_taken[at], is_taken[at + 1]) = (true, true);
            chosen.push(at);
        }
    }
    chosen.sort_unstable();
    chosen
}

fn may_join(left: &PlanSlice, right: &PlanSlice, cost_max: u128, settings: &BalancerSettings) -> bool {
    let is_plain =
        |planned: &PlanSlice| planned.hold == Hold::Free && planned.owner_count() == settings.min_replicas as usize;
    let cost = left.cost_per_owner().peak() + right.cost_per_owner().peak();
    is_plain(left) && is_plain(right) && u128::from(cost.milli()) <= cost_max
}

/// What has to move so that both have the same owners.
fn moved_load(left: &PlanSlice, right: &PlanSlice) -> Load {
    match left.replicas == right.replicas {
        true => Load::ZERO,
        false => left.demand.now.min(right.demand.now),
    }
}

/// Gives the colder one of each pair the owners of the other one.
fn move_together(plan: &mut Plan, chosen: &[usize]) {
    for at in chosen {
        let (left, right) = (&plan.slices()[*at], &plan.slices()[*at + 1]);
        let (colder, owners) = match left.demand.now < right.demand.now {
            true => (*at, right.replicas.clone()),
            false => (*at + 1, left.replicas.clone()),
        };
        take_over(plan, colder, &owners);
    }
}

fn take_over(plan: &mut Plan, slice: usize, owners: &ReplicaSet) {
    let before = plan.slices()[slice].replicas.clone();
    let mut leaving = before.serving().filter(|pod| owners.phase_of(*pod).is_none());
    for to in owners.serving().filter(|pod| before.phase_of(*pod).is_none()) {
        plan.assign(slice, to, leaving.next(), Cause::Merged);
    }
}

/// Makes one slice of each pair. Who was leaving one of the two leaves the whole.
fn join(plan: &mut Plan, chosen: &[usize], pricing: &Pricing) {
    let mut chosen = chosen.iter().copied().peekable();
    let mut joined: Vec<PlanSlice> = Vec::with_capacity(plan.slices().len());
    let mut at = 0;
    while at < plan.slices().len() {
        let left = &plan.slices()[at];
        if chosen.next_if_eq(&at).is_some() {
            let right = &plan.slices()[at + 1];
            let slice = Slice::new(left.slice.start().clone(), right.slice.end().cloned());
            let slice = slice.expect("the end of the right one comes after the start of the left one");
            let replicas: ReplicaSet = right.replicas.iter().chain(left.replicas.iter()).collect();
            let demand = left.demand + right.demand;
            joined.push(PlanSlice::new(slice, replicas, demand, pricing));
            at += 2;
        } else {
            joined.push(left.clone());
            at += 1;
        }
    }
    plan.replace_slices(joined);
}
