//! The lookup of the pod of a 16-byte key: a clerk's routing table against a consistent-hashing ring over the same pods.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use emberkeep_core::assignment::{Assignment, Phase, PodIndex, Proposal, ReplicaSet};
use emberkeep_core::clerk::RoutingTable;
use emberkeep_core::keyspace::{SliceKey, SliceMap};
use emberkeep_core::pod::{Incarnation, Pod, PodAddress, PodName};
use emberkeep_core::target::KeyMode;
use hashring::HashRing;

/// About as many slices as the balancer makes for a pod.
const SLICES_PER_POD: usize = 32;

/// As many points on the ring as libketama and libmemcached give each server; fewer spread the keys too unevenly.
const POINTS_PER_POD: usize = 160;

/// More keys than fit in a cache next to the table, so that lookups find it as cold as in a real service.
const KEY_COUNT: usize = 1 << 16;

fn lookup(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("lookup");
    let keys = keys();
    for slice_count in [64, 65_536] {
        let assignment = assignment(slice_count);
        let ring = ring(assignment.pods());
        let table = RoutingTable::new(assignment, KeyMode::Hashed);
        let mut next = keys.iter().cycle();
        group.bench_function(BenchmarkId::new("routing_table", slice_count), |bencher| {
            bencher.iter(|| {
                let key = next.next().expect("the iterator cycles");
                table.route(black_box(key)).map(|route| route.serving[0])
            });
        });
        group.bench_function(BenchmarkId::new("hashring", slice_count), |bencher| {
            bencher.iter(|| {
                let key = next.next().expect("the iterator cycles");
                ring.get(black_box(key)).map(|node| node.pod)
            });
        });
    }
    group.finish();
}

fn keys() -> Vec<[u8; 16]> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u128;
    (0..KEY_COUNT)
        .map(|_| {
            state = state
                .wrapping_mul(0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645)
                .wrapping_add(1);
            state.to_be_bytes()
        })
        .collect()
}

fn assignment(slice_count: usize) -> Arc<Assignment> {
    let pod_count = slice_count / SLICES_PER_POD;
    let width = (1_u128 << 64) / slice_count as u128;
    let slices = (0..slice_count).map(|number| {
        let start = match number {
            0 => SliceKey::EMPTY,
            _ => SliceKey::from_position((width * number as u128) as u64),
        };
        let mut replicas = ReplicaSet::none();
        replicas.set(PodIndex::from(number % pod_count), Phase::Serving);
        (start, replicas)
    });
    let slices = SliceMap::try_from_starts(slices.collect()).expect("starts increase");
    let pods = (0..pod_count).map(pod).collect();
    let proposal = Proposal { pods, slices };
    Arc::new(proposal.after(&Assignment::unassigned()).expect("the owners are new"))
}

fn pod(number: usize) -> Pod {
    let name = PodName::try_new(&format!("pod-{number:04}")).expect("a valid name");
    let address =
        PodAddress::try_new(&format!("10.0.{}.{}:8080", number / 256, number % 256)).expect("a valid address");
    Pod::new(name, Incarnation(number as u128), address)
}

/// One point on the ring.
#[derive(Hash)]
struct VirtualNode {
    pod: usize,
    number: usize,
}

fn ring(pods: &[Pod]) -> HashRing<VirtualNode> {
    let mut ring = HashRing::new();
    let nodes = (0..pods.len()).flat_map(|pod| (0..POINTS_PER_POD).map(move |number| VirtualNode { pod, number }));
    ring.batch_add(nodes.collect());
    ring
}

criterion_group!(benches, lookup);
criterion_main!(benches);
