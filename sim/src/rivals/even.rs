//! Static sharding: equal ranges, dealt to the pods in order.

use crate::ownership::{Owners, Ownership, range_start};
use crate::replay::{Balancer, Moment, Stopwatch, World};

/// Cuts the key space into as many equal ranges as there are pods, whatever their load.
#[derive(Debug, Default)]
pub struct EvenRanges;

impl Balancer for EvenRanges {
    fn decide(&mut self, world: &World<'_>, _: Moment, stopwatch: &mut Stopwatch<'_>) -> Option<Ownership> {
        world.has_new_pods().then(|| stopwatch.time(|| ranges_of(world)))
    }
}

fn ranges_of(world: &World<'_>) -> Ownership {
    let count = world.live_count() as u128;
    let starts = (0..count).map(|place| range_start(((place << 64) / count) as u64));
    let owners = world.live().map(|pod| Owners::from_slice(&[pod]));
    Ownership::from_starts(starts.zip(owners))
}
