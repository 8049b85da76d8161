//! Static sharding: one equal range for each pod.

use crate::load_trace::PodId;
use crate::ownership::{Owners, OwnershipMap, range_start};
use crate::replay::{Balancer, Moment, Stopwatch, TraceState};

/// Divides the key space into one equal range for each pod, regardless of load.
///
/// A pod that joins takes the range of one that left, like a numbered pod of a Kubernetes StatefulSet; the ranges are divided
/// again only when the number of pods changes.
#[derive(Debug, Default)]
pub struct EvenRanges {
    /// The pod of each range, in key order.
    owners: Vec<PodId>,
}

impl Balancer for EvenRanges {
    fn decide(&mut self, state: &TraceState<'_>, _: Moment, stopwatch: &mut Stopwatch<'_>) -> Option<OwnershipMap> {
        state.has_new_pods().then(|| {
            stopwatch.time(|| {
                self.replace_absent(state);
                self.ownership()
            })
        })
    }
}

impl EvenRanges {
    /// Pods that joined take the ranges of those that left, further ones are appended; ranges still without a live pod are removed by
    /// moving the last pod into their place.
    fn replace_absent(&mut self, state: &TraceState<'_>) {
        let placed: Vec<PodId> = self.owners.clone();
        let mut waiting: Vec<PodId> = state.live().filter(|pod| !placed.contains(pod)).collect();
        waiting.reverse();
        for owner in &mut self.owners {
            if !state.is_live(*owner)
                && let Some(pod) = waiting.pop()
            {
                *owner = pod;
            }
        }
        self.owners.extend(waiting.into_iter().rev());
        while let Some(empty) = self.owners.iter().position(|pod| !state.is_live(*pod)) {
            self.owners.swap_remove(empty);
        }
    }

    fn ownership(&self) -> OwnershipMap {
        let count = self.owners.len() as u128;
        let starts = (0..count).map(|index| range_start(((index << 64) / count) as u64));
        let owners = self.owners.iter().map(|pod| Owners::from_slice(&[*pod]));
        OwnershipMap::from_starts(starts.zip(owners))
    }
}
