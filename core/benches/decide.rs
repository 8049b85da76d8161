//! The time of a decision by the number of pods: without an assignment, with nothing to change, and after a shift of load.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use emberkeep_core::assignment::Assignment;
use emberkeep_core::balancer::{BalancerSettings, PodSignal, Scope, Signals, decide};
use emberkeep_core::keyspace::{SliceKey, SliceMap};
use emberkeep_core::load::{Demand, Load, LoadMap};
use emberkeep_core::pod::{Incarnation, Pod, PodAddress, PodName};
use emberkeep_core::time::Timestamp;

/// The most slices that the balancer makes for each pod.
const SLICES_PER_POD: u64 = 64;
/// The most hot keys that a slicelet reports.
const HOT_KEYS_PER_POD: u64 = 32;
/// The capacity of one pod, in units a second.
const CAPACITY: u64 = 1_000_000;

fn decisions(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decide");
    group.sample_size(20).measurement_time(Duration::from_secs(5));
    for pod_count in [100, 1_000, 10_000] {
        let settings = settings();
        let now = Timestamp::from_millis(1_000_000);
        let calm = signals(pod_count, 0);
        let before = settled(&calm, &settings, now);
        let shifted = signals(pod_count, pod_count / 8);
        group.bench_function(BenchmarkId::new("cold", pod_count), |bencher| {
            bencher.iter(|| decide(&Assignment::unassigned(), black_box(&calm), &settings, now));
        });
        group.bench_function(BenchmarkId::new("steady", pod_count), |bencher| {
            bencher.iter(|| decide(&before, black_box(&calm), &settings, now));
        });
        group.bench_function(BenchmarkId::new("shifted", pod_count), |bencher| {
            bencher.iter(|| decide(&before, black_box(&shifted), &settings, now));
        });
    }
    group.finish();
}

fn settings() -> BalancerSettings {
    BalancerSettings {
        max_load_hint: Load::from_units(CAPACITY),
        slices_per_pod_min: 50,
        ..BalancerSettings::default()
    }
}

/// An assignment that the balancer does not change any more.
fn settled(signals: &Signals, settings: &BalancerSettings, now: Timestamp) -> Assignment {
    let mut assignment = Assignment::unassigned();
    while let Some(next) = decide(&assignment, signals, settings, now).next {
        assignment = next;
    }
    assignment
}

/// Pods with 60 % of their capacity in use: pieces of uneven load, and hot keys, the hottest with thirty times the load of the
/// coldest. The first `changed` pieces have so much more load that their pods carry twice as much.
fn signals(pod_count: u64, changed: u64) -> Signals {
    let piece_count = pod_count * SLICES_PER_POD;
    let even = CAPACITY * 1_000 * 6 / 10 / SLICES_PER_POD;
    let width = u64::MAX / piece_count;
    let pieces = (0..piece_count).map(|number| {
        let start = match number {
            0 => SliceKey::EMPTY,
            number => SliceKey::from_position(number * width),
        };
        let factor = if number < changed { SLICES_PER_POD } else { 1 };
        (start, demand(factor * (even / 2 + number * 7_919 % even) / 2))
    });
    let step = u64::MAX / (pod_count * HOT_KEYS_PER_POD);
    let hot = (0..pod_count * HOT_KEYS_PER_POD).map(|number| {
        let load = even / (1 + number * 7_919 % 30);
        (SliceKey::from_position(number * step + 1), demand(load * 3))
    });
    Signals {
        pods: (0..pod_count).map(pod).collect(),
        load: LoadMap::new(
            SliceMap::try_from_starts(pieces.collect()).expect("pieces are in order"),
            hot.collect(),
        ),
        scope: Scope::Balance,
        ..Signals::default()
    }
}

fn demand(milli: u64) -> Demand {
    Demand {
        memory: milli,
        ..Demand::steady(Load::from_milli(milli))
    }
}

fn pod(number: u64) -> (PodName, PodSignal) {
    let name = PodName::try_new(&format!("pod-{number:05}")).expect("a valid name");
    let address = PodAddress::try_new(&format!("pod-{number}:80")).expect("a valid address");
    let pod = Pod::new(name.clone(), Incarnation(number.into()), address);
    (name, PodSignal { pod, may_own: true })
}

criterion_group!(benches, decisions);
criterion_main!(benches);
