//! Succeed: a pod that replaces another one takes over all its slices, so that each key moves once.

use super::decision::MoveCause;
use super::plan::Plan;
use super::plan_pod::{PlanPod, PodAvailability};
use crate::assignment::PodIndex;

/// Pairs dead and draining pods with pods that joined, equal ones first, and assigns all slices of one to the other.
pub(super) fn succeed(plan: &mut Plan) {
    let mut successors: Vec<PodIndex> = plan.owners().filter(|pod| plan.pod(*pod).has_joined).collect();
    if successors.is_empty() {
        return;
    }
    let mut successor_of = vec![None; plan.pods().len()];
    for is_alike in [is_equal, is_any] {
        for leaving in leaving_pods(plan) {
            let found = successors
                .iter()
                .position(|pod| is_alike(plan.pod(*pod), plan.pod(leaving)));
            if let (Some(found), None) = (found, successor_of[leaving.as_usize()]) {
                successor_of[leaving.as_usize()] = Some(successors.remove(found));
            }
        }
    }
    for slice in 0..plan.slices().len() {
        let served: Vec<PodIndex> = plan.slices()[slice].owners().collect();
        for leaving in served {
            if let Some(successor) = successor_of[leaving.as_usize()] {
                plan.assign(slice, successor, Some(leaving), MoveCause::Replaced);
            }
        }
    }
}

/// The dead and draining pods that own slices, by name.
fn leaving_pods(plan: &Plan) -> Vec<PodIndex> {
    let is_leaving =
        |(_, pod): &(usize, &PlanPod)| pod.availability != PodAvailability::Eligible && pod.cost.peak().milli() > 0;
    plan.pods()
        .iter()
        .enumerate()
        .filter(is_leaving)
        .map(|(at, _)| at.into())
        .collect()
}

fn is_equal(one: &PlanPod, other: &PlanPod) -> bool {
    one.pod.weight == other.pod.weight && one.pod.zone == other.pod.zone
}

fn is_any(_: &PlanPod, _: &PlanPod) -> bool {
    true
}
