//! A warm get beside a plain concurrent map: what ownership, counting and eviction cost.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use dashmap::DashMap;
use emberkeep_core::assignment::Assignment;
use emberkeep_core::keyspace::SliceKey;
use emberkeep_core::pod::Pod;
use emberkeep_core::session_settings::SessionSettings;
use emberkeep_core::target::KeyMode;
use emberkeep_slicelet::{Freshness, Raw, Slicelet, Store};
use emberkeep_store::{Expect, ObjectName};
use emberkeep_testkit::assignment::{assigned, serving};
use emberkeep_testkit::scripted_assigner::{ScriptedAssigner, welcome};
use tokio::runtime::Runtime;

const KEY_COUNT: usize = 10_000;
/// Every second slice is this pod's, so that it owns the average number of slices per pod.
const SLICE_COUNT: u64 = 128;

fn warm_get(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime starts");
    let folder = tempfile::tempdir().expect("temporary files can be created");
    let (slicelet, _assigner, keys) = runtime.block_on(async {
        let store = Store::folder(folder.path()).await.expect("the folder can be used");
        warmed(store).await
    });
    let map: DashMap<String, Arc<u64>> = keys.iter().map(|key| (key.clone(), Arc::new(7))).collect();

    let mut group = criterion.benchmark_group("warm_get");
    let mut next = cycle(keys.len());
    group.bench_function("own_and_get", |bencher| {
        bencher.to_async(&runtime).iter(|| {
            let key = &keys[next()];
            let slicelet = &slicelet;
            async move {
                let guard = slicelet.own(key).expect("all keys are owned");
                black_box(guard.get().await.expect("it is there"))
            }
        });
    });
    let guards: Vec<_> = keys
        .iter()
        .map(|key| slicelet.own(key).expect("all keys are owned"))
        .collect();
    group.bench_function("get", |bencher| {
        bencher.to_async(&runtime).iter(|| {
            let guard = &guards[next()];
            async move { black_box(guard.get().await.expect("it is there")) }
        });
    });
    group.bench_function("own", |bencher| {
        bencher.iter(|| black_box(slicelet.own(&keys[next()]).expect("all keys are owned")).epoch());
    });
    group.bench_function("own_and_charge", |bencher| {
        bencher.iter(|| {
            let mut guard = slicelet.own(&keys[next()]).expect("all keys are owned");
            guard.charge(black_box(3));
        });
    });
    group.bench_function("dashmap_get", |bencher| {
        bencher.iter(|| black_box(Arc::clone(&map.get(&keys[next()]).expect("it is there"))));
    });
    group.finish();
    drop(guards);
    runtime.block_on(slicelet.shutdown());
}

/// Numbers below `count`, in a fixed order that no cache can predict.
fn cycle(count: usize) -> impl FnMut() -> usize {
    let mut at = 0;
    move || {
        at = (at + 7_919) % count;
        at
    }
}

/// A slicelet that owns half of the slices, its assigner, and keys of those slices, all warm.
async fn warmed(store: Store) -> (Slicelet<Raw>, ScriptedAssigner, Vec<String>) {
    let mut assigner = ScriptedAssigner::start().await;
    let slicelet = Slicelet::builder("bench")
        .assigner(&assigner.url)
        .advertise("127.0.0.1:1")
        .store(store.clone())
        // Values of an owner's own writes cost as much, but only once the first seconds of an epoch are over.
        .freshness(Freshness::Immutable)
        .drain_on_sigterm(false)
        .start()
        .await
        .expect("the settings are allowed");
    let session = assigner.welcome_with(production_intervals()).await;
    session.send_assignment(&every_other_slice(slicelet.pod())).await;
    session.run_unattended();
    let first = slicelet.assignment().wait_for(Option::is_some).await.map(drop);
    first.expect("the slicelet runs");
    let numbers = (0..).map(|number| format!("user-{number:011}"));
    let keys: Vec<_> = numbers
        .filter(|key| slicelet.own(key).is_ok())
        .take(KEY_COUNT)
        .collect();
    for key in &keys {
        let slice_key = SliceKey::of(key.as_bytes(), KeyMode::Hashed).expect("it is short");
        let name = ObjectName::of_key("bench", &slice_key.to_bytes(), key.as_bytes()).expect("it is short");
        store
            .put(&name, "a value".into(), Expect::Anything)
            .await
            .expect("it can be written");
        let guard = slicelet.own(key).expect("it is owned");
        guard.get().await.expect("it can be read");
    }
    (slicelet, assigner, keys)
}

/// Heartbeats and load reports at production intervals.
fn production_intervals() -> SessionSettings {
    let production = SessionSettings::UNTIL_REGISTERED;
    SessionSettings {
        heartbeat_interval: production.heartbeat_interval,
        load_report_interval: production.load_report_interval,
        ..welcome()
    }
}

/// The assignment in which the pod serves every other slice.
fn every_other_slice(pod: &Pod) -> Arc<Assignment> {
    let slices = (0..SLICE_COUNT).map(|number| {
        let start = match number {
            0 => SliceKey::EMPTY,
            _ => SliceKey::from_position(number << (64 - SLICE_COUNT.trailing_zeros())),
        };
        (start, serving((number % 2 == 0).then_some(pod)))
    });
    assigned(&Assignment::unassigned(), slices)
}

criterion_group!(benches, warm_get);
criterion_main!(benches);
