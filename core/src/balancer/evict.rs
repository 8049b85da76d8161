//! Evict: who is dead loses its slices, who is stopping gives them up.

use std::collections::BTreeSet;

use super::plan::Plan;
use super::plan_pod::Standing;
use crate::assignment::{Phase, Replica};
use crate::keyspace::SliceKey;
use crate::pod::PodName;

/// Takes away the replicas of dead pods and the leaving ones in `left`, and makes a draining pod's serving replicas
/// leaving ones, provided that somebody may take over: a draining pod keeps each slice until a successor has it.
pub(super) fn evict(plan: &mut Plan, left: &BTreeSet<(SliceKey, PodName)>) {
    let has_owners = plan.owners().next().is_some();
    let stays = |pod: &super::plan_pod::PlanPod| pod.standing == Standing::Owner && !pod.is_renewed;
    if left.is_empty() && plan.pods().iter().all(stays) {
        return;
    }
    for slice in 0..plan.slices().len() {
        let replicas: Vec<Replica> = plan.slices()[slice].replicas.iter().collect();
        for Replica { pod, phase } in replicas {
            let planned = plan.pod(pod);
            // A share that does not serve lives in the memory of one life of a pod and ends with it.
            let is_lost = planned.standing == Standing::Gone || (planned.is_renewed && phase != Phase::Serving);
            let has_left = || {
                let start = plan.slices()[slice].slice.start().clone();
                phase == Phase::Leaving && left.contains(&(start, planned.pod.name.clone()))
            };
            if is_lost || has_left() {
                plan.remove(slice, pod);
            } else if planned.standing == Standing::Draining && phase == Phase::Serving && has_owners {
                plan.release(slice, pod);
            }
        }
    }
}
