//! Building the load map from the reports of 1,000 pods, and querying it.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use emberkeep_core::keyspace::{Slice, SliceKey};
use emberkeep_core::load::{KeyLoad, Load, LoadHistory, LoadReport, SliceLoad};
use emberkeep_core::pod::PodName;
use emberkeep_core::time::Timestamp;

const POD_COUNT: u64 = 1_000;
const SLICES_PER_POD: u64 = 64;
const SLICE_COUNT: u64 = POD_COUNT * SLICES_PER_POD;
/// The most hot keys that a slicelet reports.
const HOTTEST_COUNT: u64 = 32;

fn load_map(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("load_map");
    for replicas in [1, 2] {
        let (history, now) = history(replicas);
        group.bench_function(BenchmarkId::new("of_1000_reports", replicas), |bencher| {
            bencher.iter(|| history.map(black_box(now)));
        });
    }
    let (mut history, now) = history(1);
    let map = history.map(now);
    let mut slices = (0..SLICE_COUNT).map(slice).cycle();
    group.bench_function("demand_of", |bencher| {
        bencher.iter(|| {
            let slice = slices.next().expect("the iterator cycles");
            map.demand_of(black_box(&slice))
        });
    });
    let mut reports = (0..POD_COUNT).map(|pod| (name(pod), report(pod, 1))).cycle();
    group.bench_function("record_report", |bencher| {
        bencher.iter(|| {
            let (pod, report) = reports.next().expect("the iterator cycles");
            history.record(&pod, black_box(&report), now);
        });
    });
    group.finish();
}

/// Every pod has reported once; `replicas` pods serve each slice.
fn history(replicas: u32) -> (LoadHistory, Timestamp) {
    let mut history = LoadHistory::default();
    for pod in 0..POD_COUNT {
        history.record(&name(pod), &report(pod, replicas), Timestamp::from_millis(pod));
    }
    (history, Timestamp::from_millis(POD_COUNT))
}

fn report(pod: u64, replicas: u32) -> LoadReport {
    let first = pod % (POD_COUNT / u64::from(replicas));
    let numbers = (0..SLICES_PER_POD).map(|number| first + number * POD_COUNT);
    let share = |number| SliceLoad {
        slice: slice(number),
        fast: Load::from_units(100 + number % 50),
        slow: Load::from_units(100),
        memory: 1 << 20,
        replicas,
        window: Duration::from_secs(60),
        split_hints: Vec::new(),
    };
    let hot = |number: u64| KeyLoad {
        key: SliceKey::from_position(slice(first + number * POD_COUNT).start().position() + 7),
        fast: Load::from_units(50 - number),
        slow: Load::from_units(50 - number),
    };
    LoadReport {
        slices: numbers.map(share).collect(),
        hottest: (0..HOTTEST_COUNT).map(hot).collect(),
        unlisted_max: Load::from_units(10),
    }
}

fn slice(number: u64) -> Slice {
    let width = u64::MAX / SLICE_COUNT;
    let start = match number {
        0 => SliceKey::EMPTY,
        _ => SliceKey::from_position(width * number),
    };
    let end = (number + 1 < SLICE_COUNT).then(|| SliceKey::from_position(width * (number + 1)));
    Slice::new(start, end).expect("starts increase")
}

fn name(pod: u64) -> PodName {
    PodName::try_new(&format!("pod-{pod:04}")).expect("a valid name")
}

criterion_group!(benches, load_map);
criterion_main!(benches);
