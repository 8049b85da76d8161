//! Evict: dead pods lose their slices, draining pods give them up.

use super::plan::Plan;
use super::plan_pod::{PlanPod, PodAvailability};
use crate::assignment::{Phase, PodIndex, Replica};

/// Removes the replicas of dead pods, and releases the slices of draining pods if any pod may own slices; otherwise they
/// keep what they serve and take back what they were giving up.
pub(super) fn evict(plan: &mut Plan) {
    let has_owners = plan.owners().next().is_some();
    let stays = |pod: &PlanPod| pod.availability == PodAvailability::Eligible && !pod.is_renewed;
    if plan.pods().iter().all(stays) {
        return;
    }
    for slice in 0..plan.slices().len() {
        remove_lost(plan, slice);
        match has_owners {
            true => give_up(plan, slice),
            false => take_back(plan, slice),
        }
    }
}

/// Removes replicas of dead pods, and of restarted pods unless they serve: a warming, yielding or leaving replica exists only
/// in the memory of one incarnation.
fn remove_lost(plan: &mut Plan, slice: usize) {
    let replicas: Vec<Replica> = plan.slices()[slice].before.iter().collect();
    for Replica { pod, phase } in replicas {
        let planned = plan.pod(pod);
        if planned.availability == PodAvailability::Dead || (planned.is_renewed && phase != Phase::Serving) {
            plan.remove(slice, pod);
        }
    }
}

fn give_up(plan: &mut Plan, slice: usize) {
    let owners = plan.slices()[slice].owners();
    let draining: Vec<PodIndex> = owners.filter(|pod| !plan.may_own(*pod)).collect();
    draining.into_iter().for_each(|pod| plan.release(slice, pod));
}

fn take_back(plan: &mut Plan, slice: usize) {
    let before = plan.slices()[slice].before.clone();
    let leaving = before.iter().find(|replica| replica.phase == Phase::Leaving);
    let mut served = before.serving().peekable();
    if served.peek().is_some() {
        before.warming().for_each(|pod| plan.release(slice, pod));
        served.for_each(|pod| plan.resume(slice, pod));
    } else if let Some(Replica { pod, .. }) = leaving.filter(|_| plan.slices()[slice].owner_count() == 0) {
        plan.resume(slice, pod);
    }
}
