//! Evict: who is dead loses its slices, who is stopping gives them up.

use std::collections::BTreeSet;

use super::plan::Plan;
use super::plan_pod::{PlanPod, Standing};
use crate::assignment::{Phase, Replica};
use crate::keyspace::SliceKey;
use crate::pod::PodName;

/// Takes away the replicas of dead pods and the leaving ones in `left`, and makes a draining pod's serving replicas
/// leaving ones, provided that somebody may take over: a draining pod keeps each slice until a successor has it, and where
/// nobody else is left it takes back what it was giving up.
pub(super) fn evict(plan: &mut Plan, left: &BTreeSet<(SliceKey, PodName)>) {
    let has_owners = plan.owners().next().is_some();
    let stays = |pod: &PlanPod| pod.standing == Standing::Owner && !pod.is_renewed;
    if left.is_empty() && plan.pods().iter().all(stays) {
        return;
    }
    for slice in 0..plan.slices().len() {
        remove_lost(plan, slice);
        match has_owners {
            true => give_up(plan, slice, left),
            false => take_back(plan, slice),
        }
    }
}

/// A share that does not serve lives in the memory of one life of a pod and ends with it.
fn remove_lost(plan: &mut Plan, slice: usize) {
    for Replica { pod, phase } in replicas(plan, slice) {
        let planned = plan.pod(pod);
        if planned.standing == Standing::Gone || (planned.is_renewed && phase != Phase::Serving) {
            plan.remove(slice, pod);
        }
    }
}

fn give_up(plan: &mut Plan, slice: usize, left: &BTreeSet<(SliceKey, PodName)>) {
    for Replica { pod, phase } in replicas(plan, slice) {
        let planned = plan.pod(pod);
        let has_left = || left.contains(&(plan.slices()[slice].slice.start().clone(), planned.pod.name.clone()));
        match phase {
            Phase::Leaving if has_left() => plan.remove(slice, pod),
            Phase::Serving if planned.standing == Standing::Draining => plan.release(slice, pod),
            Phase::Warming | Phase::Serving | Phase::Leaving => {}
        }
    }
}

fn take_back(plan: &mut Plan, slice: usize) {
    if plan.slices()[slice].owner_count() == 0
        && let Some(Replica { pod, .. }) = replicas(plan, slice)
            .into_iter()
            .find(|replica| replica.phase == Phase::Leaving)
    {
        plan.resume(slice, pod);
    }
}

fn replicas(plan: &Plan, slice: usize) -> Vec<Replica> {
    plan.slices()[slice].replicas.iter().collect()
}
