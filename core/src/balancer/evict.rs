//! Evict: who is dead loses its slices, who is stopping gives them up.

use super::plan::Plan;
use super::plan_pod::{PlanPod, PodAvailability};
use crate::assignment::{Phase, PodIndex, Replica};

/// Takes away the replicas of dead pods, and lets draining ones give up what they own, provided that somebody may take
/// over; where nobody may, they keep what they serve, and take back what they were giving up.
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

/// A share that does not serve lives in the memory of one life of a pod and ends with it. So does one that was to serve
/// only until another pod is warm.
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
    let stopping: Vec<PodIndex> = owners.filter(|pod| !plan.may_own(*pod)).collect();
    stopping.into_iter().for_each(|pod| plan.release(slice, pod));
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
