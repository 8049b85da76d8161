//! A warm get beside a plain concurrent map: what ownership, counting and eviction cost.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use dashmap::DashMap;
use emberkeep_core::assignment::{Assignment, Phase, PodIndex, Proposal, ReplicaSet};
use emberkeep_core::keyspace::{SliceKey, SliceMap};
use emberkeep_core::pod::Pod;
use emberkeep_core::session_settings::SessionSettings;
use emberkeep_core::target::{KeyMode, MisrouteMode, OwnershipMode};
use emberkeep_proto::convert::FromAssigner;
use emberkeep_proto::pb::slicelet_session_server::{SliceletSession, SliceletSessionServer};
use emberkeep_proto::pb::{SessionRequest, SessionResponse};
use emberkeep_runtime::serve::{bind, incoming, server_builder};
use emberkeep_slicelet::{Freshness, Raw, Slicelet, Store};
use emberkeep_store::{Expect, ObjectName};
use futures::stream::BoxStream;
use futures::{StreamExt, stream};
use tokio::runtime::Runtime;
use tonic::{Request, Response, Status, Streaming};

const KEY_COUNT: usize = 10_000;
/// Every other one is this pod's: as many as a pod has on average.
const SLICE_COUNT: u64 = 128;

fn warm_get(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime starts");
    let folder = tempfile::tempdir().expect("there is a place for temporary files");
    let (slicelet, keys) = runtime.block_on(async {
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

/// Numbers below `count` in an order that no cache foresees, always the same.
fn cycle(count: usize) -> impl FnMut() -> usize {
    let mut at = 0;
    move || {
        at = (at + 7_919) % count;
        at
    }
}

/// A slicelet that owns half of the slices, with the keys of them, all warm.
async fn warmed(store: Store) -> (Slicelet<Raw>, Vec<String>) {
    let listener = bind("127.0.0.1:0".parse().expect("an address"))
        .await
        .expect("a port is free");
    let assigner = format!("http://{}", listener.local_addr().expect("it listens"));
    let server = server_builder().add_service(SliceletSessionServer::new(Everything));
    tokio::spawn(server.serve_with_incoming(incoming(listener)));
    let slicelet = Slicelet::builder("bench")
        .assigner(assigner)
        .advertise("127.0.0.1:1")
        .store(store.clone())
        // Values of an owner's own writes cost as much, but only once the first seconds of an epoch are over.
        .freshness(Freshness::Immutable)
        .drain_on_sigterm(false)
        .start()
        .await
        .expect("the settings are allowed");
    slicelet
        .assignment()
        .wait_for(Option::is_some)
        .await
        .expect("the assigner answers");
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
    (slicelet, keys)
}

/// An assigner that gives every other slice to whoever registers.
struct Everything;

#[tonic::async_trait]
impl SliceletSession for Everything {
    type SessionStream = BoxStream<'static, Result<SessionResponse, Status>>;

    async fn session(
        &self,
        request: Request<Streaming<SessionRequest>>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        let mut heard = request.into_inner();
        let first = heard
            .message()
            .await?
            .ok_or_else(|| Status::invalid_argument("nothing was said"))?;
        let emberkeep_proto::convert::FromSlicelet::Register(registration) = first.try_into()? else {
            return Err(Status::invalid_argument("the first message does not register"));
        };
        let welcome = FromAssigner::Welcome(SessionSettings {
            key_mode: KeyMode::Hashed,
            ownership: OwnershipMode::Affinity,
            heartbeat_interval: std::time::Duration::from_millis(500),
            load_report_interval: std::time::Duration::from_secs(1),
            drain_timeout: std::time::Duration::from_secs(60),
            warm_share_thousandths: 950,
            misroute: MisrouteMode::Redirect,
        });
        let update = FromAssigner::Update(emberkeep_core::assignment::Update::Full(every_other(registration.pod)));
        let told = [welcome, update].map(|message| Ok(SessionResponse::from(&message)));
        let silence = heard.filter_map(async |_| None);
        Ok(Response::new(stream::iter(told).chain(silence).boxed()))
    }
}

fn every_other(pod: Pod) -> Arc<Assignment> {
    let slices = (0..SLICE_COUNT).map(|number| {
        let start = number << (64 - SLICE_COUNT.trailing_zeros());
        let mut replicas = ReplicaSet::none();
        if number % 2 == 0 {
            replicas.set(PodIndex(0), Phase::Serving);
        }
        let start = if number == 0 {
            SliceKey::EMPTY
        } else {
            SliceKey::from_position(start)
        };
        (start, replicas)
    });
    let slices = SliceMap::try_from_starts(slices.collect()).expect("starts increase from the empty key");
    let pods = vec![pod];
    Arc::new(
        Proposal { pods, slices }
            .after(&Assignment::unassigned())
            .expect("it is the first one"),
    )
}

criterion_group!(benches, warm_get);
criterion_main!(benches);
