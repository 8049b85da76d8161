//! How long a decision takes: from a cold start, with nothing to do, and after a change of the load, by the number of pods.

use std::collections::BTreeSet;
use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use emberkeep_core::assignment::Assignment;
use emberkeep_core::balancer::{BalancerSettings, MoveHistory, PodSignal, Scope, Signals, WarmReplicas, decide};
use emberkeep_core::keyspace::{SliceKey, SliceMap};
use emberkeep_core::load::{Demand, Load, LoadMap};
use emberkeep_core::pod::{Incarnation, Pod, PodAddress, PodName};
use emberkeep_core::time::Timestamp;

/// As many as the balancer cuts at most.
const SLICES_PER_POD: u64 = 64;
/// As many as a slicelet reports.
const HOT_KEYS_PER_POD: u64 = 32;
/// What one pod can carry.
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

/// Where the balancer leaves the load alone.
fn settled(signals: &Signals, settings: &BalancerSettings, now: Timestamp) -> Assignment {
    let mut assignment = Assignment::unassigned();
    while let Some(next) = decide(&assignment, signals, settings, now).next {
        assignment = next;
    }
    assignment
}

/// Pods with 60 % of their capacity in use: pieces of uneven load, and hot keys of which some carry thirty times as
/// much as others. `changed` of the pieces carry as much more as makes
/// their pods twice as loaded.
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
        lingered: BTreeSet::new(),
        warm: WarmReplicas::All,
        scope: Scope::Balance,
        recent_moves: MoveHistory::default(),
        pins: Vec::new(),
        poisoned: Vec::new(),
    }
}

fn demand(milli: u64) -> Demand {
    Demand {
        memory: milli,
        ..Demand::steady(Load::from_milli(milli))
    }
}

fn pod(number: u64) -> (PodName, PodSignal) {
    let name = PodName::try_new(&format!("pod-{number:05}")).expect("a name");
    let address = PodAddress::try_new(&format!("pod-{number}:80")).expect("a host and a port");
    let pod = Pod::new(name.clone(), Incarnation(number.into()), address);
    (name, PodSignal { pod, may_own: true })
}

criterion_group!(benches, decisions);
criterion_main!(benches);
