//! Clamp: every slice has as many owners as its target wants.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::BalancerSettings;
use super::decision::Cause;
use super::plan::Plan;
use super::plan_pod::Standing;
use crate::assignment::{Phase, PodIndex};

/// Brings the owners of each slice between `min_replicas` and `max_replicas`, costliest slices first.
pub(super) fn clamp(plan: &mut Plan, settings: &BalancerSettings) {
    let owner_count = plan.owners().count();
    let min = (settings.min_replicas as usize).min(owner_count);
    let max = (settings.max_replicas as usize).max(min);
    let mut coldest: BTreeSet<(u128, PodIndex)> = plan.owners().map(|pod| (plan.relative_cost(pod), pod)).collect();
    let mut costliest: Vec<usize> = (0..plan.slices().len()).collect();
    costliest.sort_by_key(|slice| (Reverse(plan.slices()[*slice].cost()), *slice));
    for slice in costliest {
        for _ in serving(plan, slice).count()..min {
            let Some(pod) = successor(plan, slice, &coldest) else {
                break;
            };
            let (from, cause) = predecessor(plan, slice);
            let touched = serving(plan, slice).chain([pod]).collect();
            update(plan, &mut coldest, touched, |plan| plan.assign(slice, pod, from, cause));
        }
        for _ in max..serving(plan, slice).count() {
            let hottest = serving(plan, slice).max_by_key(|pod| (plan.relative_cost(*pod), *pod));
            let Some(pod) = hottest else { break };
            let touched = serving(plan, slice).collect();
            update(plan, &mut coldest, touched, |plan| plan.release(slice, pod));
        }
    }
}

fn serving(plan: &Plan, slice: usize) -> impl Iterator<Item = PodIndex> {
    plan.slices()[slice].replicas.serving().filter(|pod| plan.may_own(*pod))
}

/// Who gets the slice: a pod that is just giving it up and is warm; else the coldest one in a zone of its own; else
/// the coldest one.
fn successor(plan: &Plan, slice: usize, coldest: &BTreeSet<(u128, PodIndex)>) -> Option<PodIndex> {
    let replicas = &plan.slices()[slice].replicas;
    let is_warm = |pod: &PodIndex| plan.may_own(*pod) && replicas.phase_of(*pod) == Some(Phase::Leaving);
    if let Some(warm) = replicas.iter().map(|replica| replica.pod).find(is_warm) {
        return Some(warm);
    }
    let is_free = |pod: &PodIndex| replicas.phase_of(*pod).is_none();
    let free = || coldest.iter().map(|(_, pod)| *pod).filter(is_free);
    let zones: BTreeSet<&str> = serving(plan, slice).map(|pod| zone(plan, pod)).collect();
    free()
        .find(|pod| !zones.contains(zone(plan, *pod)))
        .or_else(|| free().next())
}

fn zone(plan: &Plan, pod: PodIndex) -> &str {
    &plan.pod(pod).pod.zone
}

/// The draining pod that waits for a successor, if there is one.
fn predecessor(plan: &Plan, slice: usize) -> (Option<PodIndex>, Cause) {
    let replicas = plan.slices()[slice].replicas.iter();
    let is_draining = |pod: &PodIndex| plan.pod(*pod).standing == Standing::Draining;
    match replicas.map(|replica| replica.pod).find(is_draining) {
        Some(pod) => (Some(pod), Cause::Draining),
        None => (None, Cause::Missing),
    }
}

/// Changes a slice and puts the pods whose cost that touches at their new places in the order.
fn update(
    plan: &mut Plan,
    coldest: &mut BTreeSet<(u128, PodIndex)>,
    touched: Vec<PodIndex>,
    change: impl FnOnce(&mut Plan),
) {
    for pod in &touched {
        coldest.remove(&(plan.relative_cost(*pod), *pod));
    }
    change(plan);
    coldest.extend(touched.into_iter().map(|pod| (plan.relative_cost(pod), pod)));
}
