//! A slicelet between a scripted assigner and a real folder store.

#![allow(clippy::unwrap_used, reason = "helpers of tests may panic, as tests may")]

mod gate;
mod killed;
mod odd_store;
mod scripted;
mod warmth;
mod world;
mod writes;

use emberkeep_core::assignment::{Assignment, Generation, Update};
use emberkeep_core::keyspace::{Slice, SliceKey};
use emberkeep_core::pod::PodPhase;
use emberkeep_core::rate::Rate;
use emberkeep_core::target::TargetName;
use emberkeep_proto::convert::{FromAssigner, FromSlicelet, Transferred, leader_redirect_status};
use emberkeep_proto::pb::TransferRequest;
use emberkeep_proto::pb::warm_transfer_client::WarmTransferClient;
use emberkeep_runtime::channel::{ChannelSettings, channel_to};
use emberkeep_runtime::serve::{bind, incoming, server_builder};
use emberkeep_runtime::watch::{AssignmentWatcher, WatchSettings};
use emberkeep_slicelet::{GetError, NotOwner, OwnError, Slicelet, SliceletError};
use scripted::{ScriptedAssigner, all_by, generation, halves, other_pod, soon};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tonic::codec::CompressionEncoding;
use tonic::{Code, Status};
use world::{World, key_of_half};

fn phase(message: FromSlicelet) -> Option<PodPhase> {
    match message {
        FromSlicelet::Heartbeat(heartbeat) => Some(heartbeat.phase),
        FromSlicelet::Register(_) | FromSlicelet::LoadReport(_) => None,
    }
}

#[tokio::test]
async fn a_value_is_read_once_and_warm_from_then_on() {
    let (world, _session) = World::owning().await;
    world.put("a", "7").await;
    assert_eq!(world.get("a").await.unwrap(), 7);
    assert_eq!(world.get("a").await.unwrap(), 7);
    let stats = world.slicelet.stats();
    assert_eq!(
        (stats.request_count, stats.hit_count, stats.store_read_count),
        (2, 1, 1)
    );
    assert_eq!((stats.warm_key_count, stats.store_read_size.as_bytes()), (1, 1));
}

#[tokio::test]
async fn a_warm_value_is_there_without_waiting() {
    let (world, _session) = World::owning().await;
    world.put("a", "7").await;
    world.get("a").await.unwrap();
    let guard = world.slicelet.own("a").unwrap();
    let value = futures::FutureExt::now_or_never(guard.get());
    assert_eq!(*value.expect("it is warm").unwrap(), 7);
}

#[tokio::test]
async fn a_hundred_concurrent_misses_make_one_read() {
    let (world, _session) = World::owning_behind_gate().await;
    world.put("a", "7").await;
    let answers = world.ask_together("a", 100).await;
    assert!(answers.iter().all(|answer| matches!(answer, Ok(7))));
    assert_eq!(world.slicelet.stats().store_read_count, 1);
}

#[tokio::test]
async fn one_who_gives_up_while_loading_leaves_the_load_to_the_next() {
    let (world, _session) = World::owning_behind_gate().await;
    world.put("a", "7").await;
    let mut gives_up = Box::pin(world.get("a"));
    assert!(futures::poll!(&mut gives_up).is_pending());
    let mut waits = Box::pin(world.get("a"));
    assert!(futures::poll!(&mut waits).is_pending());
    drop(gives_up);
    world.reads.open();
    assert_eq!(soon(waits).await.unwrap(), 7);
}

#[tokio::test]
async fn a_missing_object_is_known_to_be_missing_for_a_moment() {
    let (world, _session) = World::owning().await;
    for _ in 0..2 {
        assert!(matches!(world.get("nobody").await, Err(GetError::NotFound)));
    }
    let stats = world.slicelet.stats();
    assert_eq!((stats.store_read_count, stats.missing_hit_count), (1, 1));
    let status = Status::from(world.get("nobody").await.unwrap_err());
    assert_eq!(status.code(), Code::NotFound);
}

#[tokio::test]
async fn a_load_that_fails_is_told_to_all_who_wait_and_then_forgotten() {
    let (world, _session) = World::owning_behind_gate().await;
    world.put("a", "not a number").await;
    let answers = world.ask_together("a", 10).await;
    assert!(
        answers
            .iter()
            .all(|answer| matches!(answer, Err(GetError::Undecodable { .. })))
    );
    assert_eq!(world.slicelet.stats().store_read_count, 1);
    world.put("a", "8").await;
    assert_eq!(world.get("a").await.unwrap(), 8);
}

#[tokio::test]
async fn before_the_first_assignment_the_pod_owns_nothing() {
    let world = World::begin().await;
    let Err(OwnError::NotOwner(not_owner)) = world.slicelet.own("a") else {
        panic!("there is no assignment yet");
    };
    assert_eq!((not_owner.generation, &not_owner.owner), (Generation::NONE, &None));
}

#[tokio::test]
async fn what_the_assigner_grants_of_the_store_holds_until_it_grants_anew() {
    let (mut world, session) = World::owning().await;
    assert_eq!(world.granted_rate(), f64::INFINITY);
    session
        .tell(FromAssigner::StoreGrant(Some(Rate::from_milli(62_500))))
        .await;
    let second = halves(&*world.reaches(1).await, world.me(), &other_pod());
    session.tell_full(&second).await;
    // What is told is taken in in order.
    world.reaches(2).await;
    assert_eq!(world.granted_rate(), 62.5);

    session.refuse(Status::unavailable("the member stops")).await;
    let session = world.assigner.welcomed().await;
    assert_eq!(world.granted_rate(), 62.5, "losing the assigner changes nothing");
    session.tell(FromAssigner::StoreGrant(None)).await;
    session.tell_full(&halves(&second, world.me(), world.me())).await;
    world.reaches(3).await;
    assert_eq!(world.granted_rate(), f64::INFINITY);
}

#[tokio::test]
async fn a_foreign_key_is_answered_with_its_owner() {
    let mut world = World::begin().await;
    let session = world.assigner.welcomed().await;
    session
        .tell_full(&halves(&Assignment::unassigned(), world.me(), &other_pod()))
        .await;
    world.reaches(1).await;
    assert!(world.slicelet.own(&key_of_half(false)).is_ok());
    let status = Status::from(world.slicelet.own(&key_of_half(true)).unwrap_err());
    let not_owner = NotOwner::from_status(&status).unwrap();
    assert_eq!(
        (not_owner.generation, not_owner.owner),
        (generation(1), Some(other_pod()))
    );
    assert_eq!(world.slicelet.stats().misroute_count, 1);
    let too_long = world.slicelet.own(&"x".repeat(513)).unwrap_err();
    assert_eq!(Status::from(too_long).code(), Code::InvalidArgument);
}

#[tokio::test]
async fn what_was_away_is_read_anew_and_its_guards_are_no_longer_current() {
    let (world, session) = World::owning().await;
    let key = key_of_half(true);
    world.put(&key, "1").await;
    world.get(&key).await.unwrap();
    let first = world.reaches(1).await;
    let guard = world.slicelet.own(&key).unwrap();
    let away = halves(&first, world.me(), &other_pod());
    session.tell_full(&away).await;
    world.reaches(2).await;
    assert!(!guard.is_current());
    world.put(&key, "2").await;
    session.tell_full(&halves(&away, world.me(), world.me())).await;
    world.reaches(3).await;
    assert!(!guard.is_current());
    assert_eq!(world.get(&key).await.unwrap(), 2);
    let again = world.slicelet.own(&key).unwrap();
    assert!(again.is_current() && again.epoch() > guard.epoch());
}

#[tokio::test]
async fn a_drain_is_told_at_once_and_over_when_the_slices_have_moved() {
    let (world, mut session) = World::owning().await;
    world.put("a", "7").await;
    let mut drained = tokio::spawn(world.slicelet.drained());
    world.slicelet.drain();
    while session.hears(phase).await != PodPhase::Draining {}
    assert!(futures::poll!(&mut drained).is_pending());
    assert_eq!(world.get("a").await.unwrap(), 7, "it answers meanwhile");
    let first = world.reaches(1).await;
    session.tell_full(&halves(&first, &other_pod(), &other_pod())).await;
    soon(drained).await.unwrap();
    assert!(world.slicelet.own("a").is_err());
}

#[tokio::test]
async fn the_assigner_may_let_the_pod_go() {
    let (world, session) = World::owning().await;
    session.tell(FromAssigner::MayExit).await;
    soon(world.slicelet.drained()).await;
}

#[tokio::test]
async fn a_hint_leads_to_the_leader_with_what_is_held() {
    let (world, session) = World::owning().await;
    let mut leader = ScriptedAssigner::start().await;
    session.refuse(leader_redirect_status(Some(&leader.url))).await;
    let session = leader.welcomed().await;
    assert_eq!(session.registration.known, generation(1));
    assert_eq!(session.registration.pod, *world.me());
    assert!(world.slicelet.own("a").is_ok(), "it owned its keys all the time");
}

#[tokio::test]
async fn a_diff_on_another_base_makes_the_pod_ask_for_the_whole() {
    let (mut world, session) = World::owning().await;
    let second = halves(&*world.reaches(1).await, world.me(), &other_pod());
    let third = halves(&second, &other_pod(), world.me());
    let diff = third.diff_since(second.generation());
    session.tell(FromAssigner::Update(Update::Diff(diff))).await;
    let session = world.assigner.welcomed().await;
    assert_eq!(session.registration.known, Generation::NONE);
    session.tell_full(&third).await;
    assert_eq!(world.reaches(3).await, third);
}

#[tokio::test]
async fn load_is_reported_by_slice_with_what_was_charged() {
    let (world, mut session) = World::owning().await;
    let mut guard = world.slicelet.own("a").unwrap();
    guard.charge(1_000_000);
    let total = session
        .hears(|message| match message {
            FromSlicelet::LoadReport(report) => Some(report.total()).filter(|total| total.milli() > 0),
            FromSlicelet::Register(_) | FromSlicelet::Heartbeat(_) => None,
        })
        .await;
    assert!(total.milli() > 1_000_000, "{total}");
}

#[tokio::test]
async fn what_is_warm_is_reported_by_slice() {
    let (world, mut session) = World::owning().await;
    let assignment = world.reaches(1).await;
    session.tell_full(&halves(&assignment, &other_pod(), world.me())).await;
    world.reaches(2).await;
    let key = key_of_half(true);
    world.put(&key, "17").await;
    world.get(&key).await.unwrap();
    let memory = session
        .hears(|message| match message {
            FromSlicelet::LoadReport(report) => {
                let memory: Vec<_> = report.slices.iter().map(|share| share.memory).collect();
                memory.iter().any(|bytes| *bytes > 0).then_some(memory)
            }
            FromSlicelet::Register(_) | FromSlicelet::Heartbeat(_) => None,
        })
        .await;
    assert_eq!(memory, [world.slicelet.stats().warm_size.as_bytes()]);
}

#[tokio::test]
async fn whoever_watches_the_pod_gets_its_assignment() {
    let (world, _session) = World::owning().await;
    let stop = CancellationToken::new();
    let address = served(&world, &stop).await;
    let target = TargetName::try_new("numbers").unwrap();
    let watcher = AssignmentWatcher::start(WatchSettings::new(target, vec![address], "test"), &stop);
    let mut held = watcher.held();
    let held = soon(held.wait_for(Option::is_some)).await.unwrap().clone();
    assert_eq!(held.unwrap().assignment, world.reaches(1).await);
    stop.cancel();
}

/// Serves what the slicelet has for others, until `stop`; answers where.
async fn served(world: &World, stop: &CancellationToken) -> String {
    let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = server_builder().add_routes(world.slicelet.routes());
    tokio::spawn(server.serve_with_incoming_shutdown(incoming(listener), stop.clone().cancelled_owned()));
    address
}

#[tokio::test]
async fn another_pod_gets_the_warm_values_of_a_slice_until_this_one_has_drained() {
    let (world, session) = World::owning().await;
    let (lower, upper) = (key_of_half(false), key_of_half(true));
    for key in [&lower, &upper] {
        world.put(key, "7").await;
        world.get(key).await.unwrap();
    }
    let stop = CancellationToken::new();
    let address = served(&world, &stop).await;
    let channel = channel_to(&address, &ChannelSettings::default()).unwrap();
    let mut client = WarmTransferClient::new(channel).accept_compressed(CompressionEncoding::Zstd);
    let request = TransferRequest {
        target: "numbers".to_owned(),
        slice: Some((&Slice::new(SliceKey::from_position(1 << 63), None).unwrap()).into()),
        held: Vec::new(),
    };
    let sent = soon(client.transfer(request.clone())).await.unwrap();
    assert_eq!(sent.metadata().get("grpc-encoding").unwrap(), "zstd");
    let mut messages = sent.into_inner();
    let mut next = async || soon(messages.message()).await.unwrap().map(Transferred::try_from);
    let Some(Ok(Transferred::Manifest(page))) = next().await else {
        panic!("it begins with the manifest");
    };
    assert_eq!(
        (page.entries.len(), page.is_last),
        (1, true),
        "the other key lies elsewhere"
    );
    let Some(Ok(Transferred::Values(values))) = next().await else {
        panic!("it goes on with values");
    };
    assert_eq!(
        (values[0].key.as_slice(), values[0].object.as_slice()),
        (upper.as_bytes(), &b"7"[..])
    );
    assert_eq!(values[0].checked_by, generation(1));
    assert!(next().await.is_none());

    session.tell(FromAssigner::MayExit).await;
    soon(world.slicelet.drained()).await;
    let mut messages = soon(client.transfer(request)).await.unwrap().into_inner();
    let ended = soon(messages.message()).await.unwrap_err();
    assert_eq!(ended.code(), Code::Unavailable);
    stop.cancel();
}

#[tokio::test]
async fn the_pod_is_healthy_once_it_has_an_assignment() {
    let mut world = World::begin().await;
    let address = world.slicelet.http_address().unwrap().to_string();
    assert!(http_get(&address, "/healthz").await.starts_with("HTTP/1.1 503"));
    let session = world.assigner.welcomed().await;
    session.tell_full(&all_by(world.me())).await;
    world.reaches(1).await;
    assert!(http_get(&address, "/healthz").await.starts_with("HTTP/1.1 200"));
    let metrics = http_get(&address, "/metrics").await;
    assert!(
        metrics.contains("emberkeep_slicelet_warm_keys{target=\"numbers\"} 0"),
        "{metrics}"
    );
}

async fn http_get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    soon(stream.read_to_string(&mut answer)).await.unwrap();
    answer
}

#[tokio::test]
async fn after_shutdown_nothing_runs_any_more() {
    let (world, mut session) = World::owning().await;
    soon(world.slicelet.shutdown()).await;
    soon(world.slicelet.drained()).await;
    // The stream ends, so that hearing on fails.
    let hears_on = tokio::spawn(async move { session.hears(|_| None::<()>).await });
    assert!(soon(hears_on).await.is_err());
}

#[tokio::test]
async fn a_slicelet_without_a_store_says_what_is_missing() {
    let error = Slicelet::builder("numbers").start().await.unwrap_err();
    assert!(matches!(error, SliceletError::Missing { setting: "store" }));
}
