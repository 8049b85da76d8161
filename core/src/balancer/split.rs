//! Split: slices are cut until there are enough of them to be dealt out evenly.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::BalancerSettings;
use super::plan::Plan;
use super::plan_slice::PlanSlice;
use crate::keyspace::Slice;
use crate::load::LoadMap;

/// Halves the costliest slices until each pod can have `slices_per_pod_min` replicas. The count is rounded up to a
/// power of two: then equal pods get equal shares of an unmeasured key space.
pub(super) fn split(plan: &mut Plan, load: &LoadMap, settings: &BalancerSettings) {
    let replica_count = plan.owners().count() * settings.slices_per_pod_min as usize;
    let wanted = replica_count
        .div_ceil(settings.min_replicas as usize)
        .next_power_of_two();
    let mut whole = plan.slices().len();
    if replica_count == 0 || whole * 2 > wanted {
        return;
    }
    let mut costliest: BinaryHeap<_> = plan.slices().iter().cloned().map(Costly::new).collect();
    let mut narrow = Vec::new();
    while whole < wanted {
        let Some(Costly { planned, .. }) = costliest.pop() else {
            break;
        };
        match planned.halved(load) {
            Some(halves) => {
                costliest.extend(halves.map(Costly::new));
                whole += 1;
            }
            None => narrow.push(planned),
        }
    }
    let mut slices: Vec<_> = costliest
        .into_iter()
        .map(|costly| costly.planned)
        .chain(narrow)
        .collect();
    slices.sort_unstable_by(|a, b| a.slice.cmp(&b.slice));
    plan.replace_slices(slices);
}

/// A slice that compares by cost, then by width; of two alike, the first in key order is the greater.
struct Costly {
    planned: PlanSlice,
    rank: (u128, u128, Reverse<Slice>),
}

impl Costly {
    fn new(planned: PlanSlice) -> Self {
        let rank = (planned.cost(), planned.slice.width(), Reverse(planned.slice.clone()));
        Self { planned, rank }
    }
}

impl PartialEq for Costly {
    fn eq(&self, other: &Self) -> bool {
        self.rank == other.rank
    }
}

impl Eq for Costly {}

impl PartialOrd for Costly {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Costly {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.rank.cmp(&other.rank)
    }
}
