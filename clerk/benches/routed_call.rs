//! A routed unary call against the same call on a plain tonic channel: same server, same connection count.

use std::future::Future;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use emberkeep_clerk::Clerk;
use emberkeep_core::assignment::Assignment;
use emberkeep_core::keyspace::SliceKey;
use emberkeep_core::target::{KeyMode, TargetName};
use emberkeep_runtime::channel::{ChannelSettings, channel_to};
use emberkeep_runtime::watch::AssignmentSnapshot;
use emberkeep_testkit::assignment::{assigned, serving};
use emberkeep_testkit::assignment_server::AssignmentServer;
use emberkeep_testkit::deadline::DEADLINE;
use emberkeep_testkit::grpc_server::serve;
use emberkeep_testkit::pod::pod_at;
use emberkeep_testkit::string_service::{StringClient, StringHandler, StringService};
use futures::future::join_all;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic::transport::Channel;
use tonic::{Request, Response, Status};

/// The number of concurrent calls.
const IN_FLIGHT: u64 = 32;
const SLICES: u64 = 64;
const MESSAGE: &str =
    "a hundred bytes or so, which is about what a service asks when it wants one value of one key of it";

fn routed_call(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let address = runtime.block_on(serve(Routes::new(StringService(BenchEcho)), CancellationToken::new()));
    let assigner = runtime.block_on(assigner_of(address));
    let clerk = runtime.block_on(clerk_of(&assigner));
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

/// The time of `calls` calls in as many lanes as may be in flight; a lane makes one call after the other.
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

/// Calls as a careful user of tonic does: with one client for all.
async fn direct_lane(channel: Channel, calls: u64) {
    let mut client = StringClient::new(channel);
    for _ in 0..calls {
        check(client.unary(request()).await);
    }
}

/// Each call has its own key, and therefore its own client.
async fn routed_lane(clerk: Clerk, number: u64, calls: u64) {
    for call in 0..calls {
        let key = (u128::from(number) << 64 | u128::from(call)).to_be_bytes();
        check(StringClient::new(clerk.for_key(key)).unary(request()).await);
    }
}

fn request() -> Request<String> {
    Request::new(MESSAGE.to_owned())
}

fn check(answer: Result<Response<String>, Status>) {
    let answer = answer.expect("the server answers");
    assert_eq!(answer.into_inner().len(), MESSAGE.len());
}

/// An assigner that has assigned all slices to the pod at `address`.
async fn assigner_of(address: SocketAddr) -> AssignmentServer {
    let assigner = AssignmentServer::start(TargetName::try_new("bench").expect("a valid name")).await;
    let pod = pod_at("pod", address);
    let slices = (0..SLICES).map(|number| {
        let start = match number {
            0 => SliceKey::EMPTY,
            _ => SliceKey::from_position(u64::MAX / SLICES * number),
        };
        (start, serving([&pod]))
    });
    assigner.publish(AssignmentSnapshot {
        assignment: assigned(&Assignment::unassigned(), slices),
        key_mode: KeyMode::Hashed,
    });
    assigner
}

async fn clerk_of(assigner: &AssignmentServer) -> Clerk {
    let builder = Clerk::builder("bench").slicelet(assigner.address.to_string());
    let clerk = builder.connect().await.expect("a valid address");
    clerk.ready(DEADLINE).await.expect("an assignment");
    clerk
}

/// Answers with the request.
#[derive(Clone)]
struct BenchEcho;

impl StringHandler for BenchEcho {
    async fn unary(self, request: Request<String>) -> Result<Response<String>, Status> {
        Ok(Response::new(request.into_inner()))
    }
}

criterion_group!(benches, routed_call);
criterion_main!(benches);
