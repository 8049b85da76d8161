//! The cost of a pod's load meter each second: recording the counts of 64 slices and the sketches, and the report.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use emberkeep_core::assignment::{Assignment, Phase, PodIndex, Proposal, ReplicaSet};
use emberkeep_core::keyspace::{SliceKey, SliceMap};
use emberkeep_core::pod::{Incarnation, Pod, PodAddress, PodName};
use emberkeep_core::slicelet::{Hottest, Identity, LoadMeter, Ownership, SKETCH_CAPACITY, SKETCH_COUNT};

const SLICE_COUNT: u64 = 64;
const SECOND: Duration = Duration::from_secs(1);

fn meters(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("meters");
    let mut meter = LoadMeter::new(ownership());
    let mut counts: Vec<u64> = (0..SLICE_COUNT).map(|number| 1_000 + number).collect();
    group.bench_function("record", |bencher| {
        bencher.iter(|| {
            counts.rotate_left(1);
            meter.record(black_box(&counts).iter().copied(), SECOND);
        });
    });
    let sketches = sketches();
    group.bench_function("sampled", |bencher| {
        bencher.iter(|| {
            meter.record(counts.iter().copied(), SECOND);
            meter.record_samples(black_box(&sketches));
        });
    });
    group.bench_function("report", |bencher| bencher.iter(|| meter.report()));
    let (mut sketch, mut keys) = (Hottest::with_capacity(SKETCH_CAPACITY), (0..10_000).map(key).cycle());
    group.bench_function("sketch_record", |bencher| {
        bencher.iter(|| {
            let key = keys.next().expect("keys go round in a circle");
            sketch.record(black_box(&key), 16);
        });
    });
    group.finish();
}

/// One pod that owns every slice.
fn ownership() -> Arc<Ownership> {
    let mut mine = ReplicaSet::none();
    mine.set(PodIndex(0), Phase::Serving);
    let start = |number: u64| match number {
        0 => SliceKey::EMPTY,
        _ => SliceKey::from_position((u64::MAX / SLICE_COUNT) * number),
    };
    let entries = (0..SLICE_COUNT).map(|number| (start(number), mine.clone()));
    let pod = Pod::new(
        PodName::try_new("pod").expect("a good name"),
        Incarnation(1),
        PodAddress::try_new("10.0.0.1:8080").expect("a good address"),
    );
    let identity = Identity {
        name: pod.name.clone(),
        incarnation: pod.incarnation,
    };
    let proposal = Proposal {
        pods: vec![pod],
        slices: SliceMap::try_from_starts(entries.collect()).expect("starts increase"),
    };
    let assignment = proposal
        .after(&Assignment::unassigned())
        .expect("there is an owner now");
    Arc::new(Ownership::none().followed_by(Arc::new(assignment), &identity))
}

/// Full sketches, after keys of which some are far more frequent than others.
fn sketches() -> Vec<Hottest> {
    let mut sketches = vec![Hottest::with_capacity(SKETCH_CAPACITY); SKETCH_COUNT];
    for ordinal in 1..20_000_u64 {
        let number = 10_000 / (1 + ordinal.wrapping_mul(0x9e37_79b9_7f4a_7c15) % 10_000);
        let number = number + ordinal % 7 * 1_000;
        sketches[number as usize % SKETCH_COUNT].record(&key(number), 16);
    }
    sketches
}

fn key(number: u64) -> SliceKey {
    SliceKey::from_position(number.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

criterion_group!(benches, meters);
criterion_main!(benches);
