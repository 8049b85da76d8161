//! A routed unary call against the same call on a plain tonic channel: same server, same connection count.

use std::convert::Infallible;
use std::error::Error;
use std::fmt::Debug;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use emberkeep_clerk::Clerk;
use emberkeep_core::assignment::{Assignment, Phase, PodIndex, Proposal, ReplicaSet};
use emberkeep_core::keyspace::{SliceKey, SliceMap};
use emberkeep_core::pod::{Incarnation, Pod, PodAddress, PodName, Weight};
use emberkeep_core::target::{KeyMode, TargetName};
use emberkeep_runtime::channel::{ChannelSettings, channel_to};
use emberkeep_runtime::serve::{bind, incoming, server_builder};
use emberkeep_runtime::watch::{AssignmentSnapshot, AssignmentSource, WatchLimits, WatchService};
use futures::future::{BoxFuture, Ready, join_all, ready};
use http::uri::PathAndQuery;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::client::{Grpc, GrpcService};
use tonic::server::{NamedService, UnaryService};
use tonic::transport::Channel;
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;

/// How many calls are open at a time.
const IN_FLIGHT: u64 = 32;
const SLICES: u64 = 64;
const MESSAGE: &str =
    "a hundred bytes or so, which is about what a service asks when it wants one value of one key of it";

fn routed_call(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let address = runtime.block_on(serve());
    let clerk = runtime.block_on(clerk_of(address));
    let channel = runtime.block_on(async { channel_to(&address.to_string(), &ChannelSettings::default()) });
    let channel = channel.expect("an address to call");
    let mut group = criterion.benchmark_group("routed_call");
    group.throughput(Throughput::Elements(1));
    group.bench_function("direct", |bencher| {
        let lane = |_, calls| direct_lane(channel.clone(), calls);
        bencher.iter_custom(|calls| runtime.block_on(timed(calls, lane)));
    });
    group.bench_function("routed", |bencher| {
        let lane = |number, calls| routed_lane(clerk.clone(), number, calls);
        bencher.iter_custom(|calls| runtime.block_on(timed(calls, lane)));
    });
    group.finish();
}

/// How long `calls` calls take in as many lanes as may be in flight; a lane makes one call after the other.
async fn timed<L>(calls: u64, lane: impl Fn(u64, u64) -> L) -> Duration
where
    L: Future<Output = ()> + Send + 'static,
{
    let start = Instant::now();
    let share = |number| calls / IN_FLIGHT + u64::from(number < calls % IN_FLIGHT);
    let lanes = (0..IN_FLIGHT).map(|number| tokio::spawn(lane(number, share(number))));
    for lane in join_all(lanes).await {
        lane.expect("no lane panics");
    }
    start.elapsed()
}

/// As a careful user of tonic would: one client, used again and again.
async fn direct_lane(channel: Channel, calls: u64) {
    let mut client = Grpc::new(channel);
    for _ in 0..calls {
        ask(&mut client).await;
    }
}

/// Each call has a key of its own, and so a client of its own.
async fn routed_lane(clerk: Clerk, number: u64, calls: u64) {
    for call in 0..calls {
        let key = (u128::from(number) << 64 | u128::from(call)).to_be_bytes();
        ask(&mut Grpc::new(clerk.for_key(key))).await;
    }
}

async fn ask<S>(client: &mut Grpc<S>)
where
    S: GrpcService<Body>,
    S::Error: Debug,
    S::ResponseBody: http_body::Body<Data = Bytes> + Send + 'static,
    <S::ResponseBody as http_body::Body>::Error: Into<Box<dyn Error + Send + Sync>> + Send,
{
    client.ready().await.expect("the server is there");
    let path = PathAndQuery::from_static("/bench.Echo/Ask");
    let request = Request::new(MESSAGE.to_owned());
    let answer = client.unary(request, path, ProstCodec::<String, String>::default());
    let answer = answer.await.expect("the server answers");
    assert_eq!(answer.into_inner().len(), MESSAGE.len());
}

/// One server for both: it answers the calls, and tells the assignment, in which it owns everything.
async fn serve() -> SocketAddr {
    let listener = bind("127.0.0.1:0".parse().expect("an address"))
        .await
        .expect("a free port");
    let address = listener.local_addr().expect("a bound socket");
    let (_, held) = watch::channel(Some(AssignmentSnapshot {
        assignment: Arc::new(assignment(address)),
        key_mode: KeyMode::Hashed,
    }));
    let watch = WatchService::new(FixedSource(held), WatchLimits::default(), CancellationToken::new());
    let server = server_builder().add_service(watch.into_server()).add_service(BenchEcho);
    tokio::spawn(server.serve_with_incoming(incoming(listener)));
    address
}

async fn clerk_of(address: SocketAddr) -> Clerk {
    let clerk = Clerk::builder("bench").slicelet(address.to_string()).connect().await;
    let clerk = clerk.expect("a good address");
    clerk.ready(Duration::from_secs(5)).await.expect("an assignment");
    clerk
}

fn assignment(address: SocketAddr) -> Assignment {
    let pod = Pod {
        name: PodName::try_new("pod").expect("a good name"),
        incarnation: Incarnation(1),
        address: PodAddress::try_new(&address.to_string()).expect("a good address"),
        zone: "".into(),
        weight: Weight::ONE,
        memory_capacity: None,
    };
    let slices = (0..SLICES).map(|number| {
        let mut replicas = ReplicaSet::none();
        replicas.set(PodIndex(0), Phase::Serving);
        let start = match number {
            0 => SliceKey::EMPTY,
            _ => SliceKey::from_position(u64::MAX / SLICES * number),
        };
        (start, replicas)
    });
    let slices = SliceMap::try_from_starts(slices.collect()).expect("starts increase");
    let proposal = Proposal {
        pods: vec![pod],
        slices,
    };
    proposal
        .after(&Assignment::unassigned())
        .expect("there is an owner now")
}

struct FixedSource(watch::Receiver<Option<AssignmentSnapshot>>);

impl AssignmentSource for FixedSource {
    fn subscribe(&self, _: &TargetName) -> Option<watch::Receiver<Option<AssignmentSnapshot>>> {
        Some(self.0.clone())
    }
}

/// Answers with what it was asked.
#[derive(Clone)]
struct BenchEcho;

impl NamedService for BenchEcho {
    const NAME: &'static str = "bench.Echo";
}

impl tower::Service<http::Request<Body>> for BenchEcho {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(async move {
            let mut grpc = tonic::server::Grpc::new(ProstCodec::<String, String>::default());
            Ok(grpc.unary(BenchEcho, request).await)
        })
    }
}

impl UnaryService<String> for BenchEcho {
    type Response = String;
    type Future = Ready<Result<Response<String>, Status>>;

    fn call(&mut self, request: Request<String>) -> Self::Future {
        ready(Ok(Response::new(request.into_inner())))
    }
}

criterion_group!(benches, routed_call);
criterion_main!(benches);
