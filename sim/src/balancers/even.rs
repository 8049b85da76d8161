//! Static sharding: as many equal ranges as there are pods.

use crate::load_trace::PodId;
use crate::ownership::{Owners, OwnershipMap, range_start};
use crate::replay::{Balancer, Moment, Stopwatch, TraceState};

/// Cuts the key space into as many equal ranges as there are pods, whatever their load.
///
/// A pod that joins takes the range of one that left, as a numbered pod of a Kubernetes StatefulSet does; only where
/// their count changes is everything cut anew.
#[derive(Debug, Default)]
pub struct EvenRanges {
    /// The pod of each range, in key order.
    seats: Vec<PodId>,
}

impl Balancer for EvenRanges {
    fn decide(&mut self, world: &TraceState<'_>, _: Moment, stopwatch: &mut Stopwatch<'_>) -> Option<OwnershipMap> {
        world.has_new_pods().then(|| {
            stopwatch.time(|| {
                self.seat(world);
                self.ownership()
            })
        })
    }
}

impl EvenRanges {
    /// Pods that joined take the seats of those that left, the rest come last; where seats stay empty, the last pods
    /// move up.
    fn seat(&mut self, world: &TraceState<'_>) {
        let seated: Vec<PodId> = self.seats.clone();
        let mut waiting: Vec<PodId> = world.live().filter(|pod| !seated.contains(pod)).collect();
        waiting.reverse();
        for seat in &mut self.seats {
            if !world.is_live(*seat)
                && let Some(pod) = waiting.pop()
            {
                *seat = pod;
            }
        }
        self.seats.extend(waiting.into_iter().rev());
        while let Some(empty) = self.seats.iter().position(|pod| !world.is_live(*pod)) {
            self.seats.swap_remove(empty);
        }
    }

    fn ownership(&self) -> OwnershipMap {
        let count = self.seats.len() as u128;
        let starts = (0..count).map(|seat| range_start(((seat << 64) / count) as u64));
        let owners = self.seats.iter().map(|pod| Owners::from_slice(&[*pod]));
        OwnershipMap::from_starts(starts.zip(owners))
    }
}
