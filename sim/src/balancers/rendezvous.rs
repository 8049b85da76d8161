//! Rendezvous hashing, also called highest random weight (Thaler and Ravishankar, 1996).

use xxhash_rust::xxh64::xxh64;

use crate::load_trace::PodId;
use crate::ownership::{Owners, OwnershipMap, range_start};
use crate::replay::{Balancer, Moment, Stopwatch, TraceState};

/// How the key space is cut: 65,536 equal buckets.
const BUCKET_BITS: u32 = 16;

/// Each bucket belongs to the pod for which the hash of both is highest.
#[derive(Debug, Default)]
pub struct Rendezvous {
    /// The winner of each bucket with its weight; empty before the first pods.
    winners: Vec<(u64, PodId)>,
}

impl Balancer for Rendezvous {
    fn decide(&mut self, world: &TraceState<'_>, _: Moment, stopwatch: &mut Stopwatch<'_>) -> Option<OwnershipMap> {
        world.has_new_pods().then(|| stopwatch.time(|| self.dealt(world)))
    }
}

impl Rendezvous {
    fn dealt(&mut self, world: &TraceState<'_>) -> OwnershipMap {
        let added: Vec<_> = world
            .added()
            .iter()
            .copied()
            .filter(|pod| world.is_live(*pod))
            .map(|pod| HashedPod::new(pod, world))
            .collect();
        let all: Vec<_> = world.live().map(|pod| HashedPod::new(pod, world)).collect();
        self.winners.resize(1 << BUCKET_BITS, (0, PodId(u32::MAX)));
        for (bucket, winner) in (0..).zip(&mut self.winners) {
            let is_there = winner.1 != PodId(u32::MAX) && world.is_live(winner.1);
            // Only a pod that joined can beat a winner that is still there.
            let candidates = if is_there { &added } else { &all };
            let best = candidates.iter().map(|candidate| candidate.weight_in(bucket));
            let best = best.chain(is_there.then_some(*winner)).max();
            *winner = best.expect("some pod is always there");
        }
        let starts = (0_u64..).map(|bucket| range_start(bucket << (64 - BUCKET_BITS)));
        let owners = self.winners.iter().map(|(_, pod)| Owners::from_slice(&[*pod]));
        OwnershipMap::from_starts(starts.zip(owners))
    }
}

struct HashedPod {
    pod: PodId,
    hash: u64,
}

impl HashedPod {
    fn new(pod: PodId, world: &TraceState<'_>) -> Self {
        Self {
            pod,
            hash: xxh64(world.name(pod).as_str().as_bytes(), 0),
        }
    }

    /// The hash of both, by the last steps of `splitmix64` (Steele, Lea and Flood, 2014).
    fn weight_in(&self, bucket: u64) -> (u64, PodId) {
        let mut mixed = self.hash ^ bucket.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31), self.pod)
    }
}
