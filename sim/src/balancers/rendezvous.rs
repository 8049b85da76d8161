//! Rendezvous hashing, also called highest random weight (Thaler and Ravishankar, 1996).

use xxhash_rust::xxh64::xxh64;

use crate::load_trace::PodId;
use crate::ownership::{Owners, OwnershipMap, range_start};
use crate::replay::{Balancer, Moment, Stopwatch, TraceState};

/// The key space is divided into 65,536 equal buckets.
const BUCKET_BITS: u32 = 16;

/// Assigns each bucket to the pod with the highest hash of bucket and pod.
#[derive(Debug, Default)]
pub struct Rendezvous {
    /// The pod of each bucket with its hash; empty before the first decision.
    winners: Vec<(u64, PodId)>,
}

impl Balancer for Rendezvous {
    fn decide(&mut self, state: &TraceState<'_>, _: Moment, stopwatch: &mut Stopwatch<'_>) -> Option<OwnershipMap> {
        state.has_new_pods().then(|| stopwatch.time(|| self.assigned(state)))
    }
}

impl Rendezvous {
    fn assigned(&mut self, state: &TraceState<'_>) -> OwnershipMap {
        let added: Vec<_> = state
            .added()
            .iter()
            .copied()
            .filter(|pod| state.is_live(*pod))
            .map(|pod| HashedPod::new(pod, state))
            .collect();
        let all: Vec<_> = state.live().map(|pod| HashedPod::new(pod, state)).collect();
        self.winners.resize(1 << BUCKET_BITS, (0, PodId(u32::MAX)));
        for (bucket, winner) in (0..).zip(&mut self.winners) {
            let is_live = winner.1 != PodId(u32::MAX) && state.is_live(winner.1);
            // Only a pod that joined can have a higher hash than the current owner, if that is live.
            let candidates = if is_live { &added } else { &all };
            let best = candidates.iter().map(|candidate| candidate.weight_in(bucket));
            let best = best.chain(is_live.then_some(*winner)).max();
            *winner = best.expect("a trace always has a live pod");
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
    fn new(pod: PodId, state: &TraceState<'_>) -> Self {
        Self {
            pod,
            hash: xxh64(state.name(pod).as_str().as_bytes(), 0),
        }
    }

    /// The hash of bucket and pod, by the finalizer of SplitMix64 (Steele, Lea and Flood, 2014).
    fn weight_in(&self, bucket: u64) -> (u64, PodId) {
        let mut mixed = self.hash ^ bucket.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31), self.pod)
    }
}
