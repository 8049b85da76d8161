//! Consistent hashing with the crate `hashring`.

use std::hash::{BuildHasher, Hash, Hasher};

use hashring::HashRing;
use xxhash_rust::xxh64::xxh64;

use crate::load_trace::PodId;
use crate::ownership::{Owners, OwnershipMap, range_start};
use crate::replay::{Balancer, Moment, Stopwatch, TraceState};

/// The points of each pod: as many as ketama, the common implementation, has for a server of ordinary weight.
const POINTS_A_POD: u64 = 160;

/// A ring on which every pod has 160 points; a key belongs to the pod whose point comes next.
#[derive(Debug, Default)]
pub struct Ring;

impl Balancer for Ring {
    fn decide(&mut self, state: &TraceState<'_>, _: Moment, stopwatch: &mut Stopwatch<'_>) -> Option<OwnershipMap> {
        state
            .has_new_pods()
            .then(|| stopwatch.time(|| ranges_of(state.live().flat_map(|pod| points_of(pod, state)).collect())))
    }
}

/// Owners change only right after a point, so looking up the keys after all points yields all ranges.
fn ranges_of(points: Vec<RingPoint>) -> OwnershipMap {
    let mut starts: Vec<u64> = points
        .iter()
        .filter_map(|point| point.position.checked_add(1))
        .collect();
    starts.push(0);
    starts.sort_unstable();
    starts.dedup();
    let mut ring = HashRing::with_hasher(IdentityHash);
    ring.batch_add(points);
    OwnershipMap::from_starts(starts.into_iter().map(|start| {
        let owner = ring.get(&start).expect("a trace always has a live pod with points");
        (range_start(start), Owners::from_slice(&[owner.pod]))
    }))
}

fn points_of(pod: PodId, state: &TraceState<'_>) -> impl Iterator<Item = RingPoint> {
    let name = state.name(pod).as_str().as_bytes();
    (0..POINTS_A_POD).map(move |seed| RingPoint {
        position: xxh64(name, seed),
        pod,
    })
}

/// A point of a pod. Its hash is its position, so that the ring is the key space itself.
#[derive(Debug, Clone, Copy)]
struct RingPoint {
    position: u64,
    pod: PodId,
}

impl Hash for RingPoint {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.position);
    }
}

/// Uses a position as its hash, because keys are hashed already.
#[derive(Debug, Clone, Copy, Default)]
struct IdentityHash;

impl BuildHasher for IdentityHash {
    type Hasher = PositionHasher;

    fn build_hasher(&self) -> PositionHasher {
        PositionHasher(0)
    }
}

struct PositionHasher(u64);

impl Hasher for PositionHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write_u64(&mut self, position: u64) {
        self.0 = position;
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = xxh64(bytes, self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_belongs_to_the_next_point_wrapping_to_the_first() {
        let points = [(10, 0), (20, 1), (30, 1), (40, 2)];
        let points = points.map(|(position, pod)| RingPoint {
            position,
            pod: PodId(pod),
        });
        let expected = [(0, 0), (11, 1), (31, 2), (41, 0)];
        let expected = expected.map(|(start, pod)| (range_start(start), Owners::from_slice(&[PodId(pod)])));
        assert_eq!(ranges_of(points.to_vec()), OwnershipMap::from_starts(expected));
    }
}
