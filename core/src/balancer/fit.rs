//! Fit: pods without enough memory to keep their slices warm give some to pods with free memory.

use std::cmp::Reverse;

use super::decision::MoveCause;
use super::placement::Placement;
use super::plan_slice::{PlanSlice, SliceHold};
use crate::assignment::PodIndex;

/// Moves slices off pods whose memory is exceeded, those with the least load a byte first: a cold move of them costs least.
pub(super) fn fit(placement: &mut Placement) {
    let exceeded: Vec<PodIndex> = placement
        .coldest_first()
        .filter(|pod| excess(placement, *pod) > 0)
        .collect();
    for pod in exceeded {
        let mut held = placement.holdings(pod).to_vec();
        held.retain(|slice| may_move(placement.slice(*slice)));
        held.sort_unstable_by_key(|slice| (load_per_byte(placement.slice(*slice)), *slice));
        for slice in held {
            if excess(placement, pod) == 0 {
                break;
            }
            let mut cold = placement.coldest_first();
            let to = cold.find(|to| *to != pod && placement.may_take(*to, slice, Some(pod)));
            drop(cold);
            if let Some(to) = to {
                placement.assign(slice, to, Some(pod), MoveCause::Memory);
                placement.slice_mut(slice).hold = SliceHold::Moving;
            }
        }
    }
}

/// By how many bytes the slices of the pod exceed its memory.
fn excess(placement: &Placement, pod: PodIndex) -> u64 {
    let planned = placement.pod(pod);
    let capacity = planned.pod.memory_capacity.unwrap_or(u64::MAX);
    planned.cost.memory.saturating_sub(capacity)
}

fn may_move(planned: &PlanSlice) -> bool {
    planned.hold <= SliceHold::Cooldown && planned.demand.memory > 0
}

/// In milli-units a second for each mebibyte; of equal ones, the largest slice is first.
fn load_per_byte(planned: &PlanSlice) -> (u128, Reverse<u64>) {
    let memory = planned.demand.memory;
    let load = u128::from(planned.demand.peak().milli());
    ((load << 20) / u128::from(memory.max(1)), Reverse(memory))
}
