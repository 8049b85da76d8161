//! One member of the assigner as slicelets, watchers and operators see it, over real sockets.

#![allow(clippy::unwrap_used)]

mod pretender;
mod reports;
mod running;

use emberkeep_core::assignment::Generation;
use emberkeep_core::pod::PodPhase;
use emberkeep_core::rate::Rate;
use emberkeep_proto::convert::{FromSlicelet, Heartbeat};
use emberkeep_proto::pb;
use emberkeep_proto::pb::admin_client::AdminClient;
use emberkeep_runtime::watch::{AssignmentWatcher, WatchSettings};
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tonic::Code;

use crate::pretender::{Pretender, serving, session};
use crate::running::{member, member_in, target, within};

#[tokio::test]
async fn slicelets_that_register_share_the_slices_and_watchers_see_it() {
    let running = member().await;
    let mut one = Pretender::registers(&running, "pod-1", 1).await;
    let two = Pretender::registers(&running, "pod-2", 1).await;
    let pod = two.pod.clone();
    one.holds(|held| serving(held, &pod) == 32).await;

    let stop = CancellationToken::new();
    let watcher = AssignmentWatcher::start(WatchSettings::new(target(), vec![running.url.clone()], "test"), &stop);
    let mut held = watcher.held();
    let seen = within("the watch", held.wait_for(Option::is_some))
        .await
        .unwrap()
        .clone()
        .unwrap();
    assert_eq!(*seen.assignment, one.held);
    assert!(running.assigner.shutdown().await);
}

#[tokio::test]
async fn a_slicelet_whose_process_is_gone_loses_its_slices_at_once() {
    let running = member().await;
    let mut one = Pretender::registers(&running, "pod-1", 1).await;
    let two = Pretender::registers(&running, "pod-2", 1).await;
    let pod = two.pod.clone();
    one.holds(|held| serving(held, &pod) == 32).await;
    drop(two);
    one.holds(|held| held.index_of(&pod.name).is_none()).await;
    let alone = one.pod.clone();
    assert_eq!(serving(&one.held, &alone), 64);
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_restart() {
    let folder = TempDir::new().unwrap();
    let before = member_in(folder.path()).await;
    let mut one = Pretender::registers(&before, "pod-1", 1).await;
    one.holds(|held| held.generation().number() == 1).await;
    drop(one);
    assert!(before.assigner.shutdown().await);

    let after = member_in(folder.path()).await;
    let mut back = Pretender::registers(&after, "pod-1", 2).await;
    let pod = back.pod.clone();
    back.holds(|held| held.pods() == [pod.clone()]).await;
    assert!(back.held.generation().number() > 1, "generations go on");
}

#[tokio::test]
async fn operators_create_targets_and_see_them() {
    let running = member().await;
    let mut admin = AdminClient::connect(running.url.clone()).await.unwrap();
    let create = |min_replicas| pb::CreateTargetRequest {
        target: "orders".to_owned(),
        settings: Some(pb::TargetSettings {
            min_replicas: Some(min_replicas),
            max_replicas: Some(3),
            ..pb::TargetSettings::default()
        }),
    };
    let refused = admin.create_target(create(0)).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(refused.message().contains("min_replicas is 0"), "{refused}");
    admin.create_target(create(2)).await.unwrap();
    assert_eq!(
        admin.create_target(create(2)).await.unwrap_err().code(),
        Code::AlreadyExists
    );

    let name = "orders".to_owned();
    let described = admin
        .describe_target(pb::DescribeTargetRequest { target: name })
        .await
        .unwrap()
        .into_inner();
    assert_eq!(described.settings.unwrap().min_replicas, Some(2));
    let cluster = admin
        .describe_cluster(pb::DescribeClusterRequest {})
        .await
        .unwrap()
        .into_inner();
    assert_eq!((cluster.leader, cluster.members.len()), (Some(1), 1));
}

#[tokio::test]
async fn operators_are_told_what_was_decided_what_keeps_the_next_and_what_a_loss_would_do() {
    let running = member().await;
    let mut one = Pretender::registers(&running, "pod-1", 1).await;
    let two = Pretender::registers(&running, "pod-2", 1).await;
    let pod = two.pod.clone();
    one.holds(|held| serving(held, &pod) == 32).await;
    let mut admin = AdminClient::connect(running.url.clone()).await.unwrap();

    let target = "profiles".to_owned();
    let asked = pb::ExplainTargetRequest { target, last: 5 };
    let told = admin.explain_target(asked).await.unwrap().into_inner();
    let newest = told.decisions.last().expect("the pods have got their slices");
    assert_eq!(newest.generation, one.held.generation().number());
    assert!(newest.report.contains("slices moved"), "{told:?}");
    assert!(told.outlook.starts_with("nothing is decided: "), "{told:?}");
    assert!(told.text.ends_with(&format!("now: {}\n", told.outlook)), "{told:?}");

    let plan = |without: &[&str]| pb::PlanTargetRequest {
        target: "profiles".to_owned(),
        without: without.iter().map(|&name| name.to_owned()).collect(),
        balance: false,
    };
    let planned = admin.plan_target(plan(&[])).await.unwrap().into_inner();
    assert!(!planned.changes, "{planned:?}");
    let planned = admin.plan_target(plan(&["pod-2"])).await.unwrap().into_inner();
    assert!(planned.changes && planned.report.contains("to pod-1"), "{planned:?}");
    let refused = admin.plan_target(plan(&["pod-3"])).await.unwrap_err();
    assert_eq!(refused.message(), "target profiles has no pod pod-3");
    one.holds(|held| serving(held, &pod) == 32).await;
}

#[tokio::test]
async fn what_pods_may_ask_of_their_store_is_dealt_out_by_what_they_want() {
    let running = member().await;
    let mut admin = AdminClient::connect(running.url.clone()).await.unwrap();
    let limited = |requests| pb::TargetSettings {
        store_requests_per_second: Some(requests),
        ..pb::TargetSettings::default()
    };
    let create = pb::CreateTargetRequest {
        target: "profiles".to_owned(),
        settings: Some(limited(800)),
    };
    admin.create_target(create).await.unwrap();
    let mut one = Pretender::registers(&running, "pod-1", 1).await;
    one.is_granted(Some(Rate::per_second(800))).await;
    let mut two = Pretender::registers(&running, "pod-2", 1).await;
    two.is_granted(Some(Rate::per_second(400))).await;
    two.beats_wanting(PodPhase::Ready, Rate::per_second(9_000)).await;
    two.is_granted(Some(Rate::per_second(700))).await;
    one.is_granted(Some(Rate::per_second(100))).await;

    let configure = pb::ConfigureTargetRequest {
        target: "profiles".to_owned(),
        settings: Some(limited(0)),
    };
    admin.configure_target(configure).await.unwrap();
    one.is_granted(None).await;
    two.is_granted(None).await;
}

#[tokio::test]
async fn keys_are_pinned_to_pods_that_are_there_and_unpinned_in_part() {
    let running = member().await;
    let _one = Pretender::registers(&running, "pod-1", 1).await;
    let mut admin = AdminClient::connect(running.url.clone()).await.unwrap();
    let range = |start: u8, end: u8| {
        let slice = pb::Slice {
            start: vec![start],
            end: Some(vec![end]),
        };
        Some(pb::Keys {
            keys: Some(pb::keys::Keys::Slice(slice)),
        })
    };
    let pin = |pod: &str| pb::PinKeysRequest {
        target: "profiles".to_owned(),
        keys: range(0x40, 0x80),
        pod: pod.to_owned(),
    };
    let refused = admin.pin_keys(pin("pod-9")).await.unwrap_err();
    assert_eq!(refused.message(), "target profiles has no pod pod-9");
    // The pod is known a moment after its session has been opened.
    let pinned = async { while admin.pin_keys(pin("pod-1")).await.is_err() {} };
    within("the pin", pinned).await;

    let unpin = pb::UnpinKeysRequest {
        target: "profiles".to_owned(),
        keys: range(0x50, 0x60),
    };
    admin.unpin_keys(unpin).await.unwrap();
    let target = "profiles".to_owned();
    let described = admin.describe_target(pb::DescribeTargetRequest { target }).await;
    let pins = described.unwrap().into_inner().pins;
    let bounds = pins.iter().filter_map(|pin| pin.slice.as_ref());
    let bounds: Vec<_> = bounds
        .map(|slice| (slice.start[0], slice.end.as_ref().unwrap()[0]))
        .collect();
    assert_eq!(bounds, [(0x40, 0x50), (0x60, 0x80)]);
}

#[tokio::test]
async fn a_session_that_does_not_register_is_told_what_is_wrong() {
    let running = member().await;
    let (said, requests) = mpsc::channel(1);
    let heartbeat = FromSlicelet::Heartbeat(Heartbeat {
        phase: PodPhase::Ready,
        applied: Generation::NONE,
        store_demand: Rate::ZERO,
        warming: Vec::new(),
    });
    said.send((&heartbeat).into()).await.unwrap();
    let refused = session(&running, requests).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert_eq!(refused.message(), "the first message of a session must register");
}

#[tokio::test]
async fn a_message_that_breaks_a_rule_ends_the_session_with_a_sentence() {
    let running = member().await;
    let mut one = Pretender::registers(&running, "pod-1", 1).await;
    let report = pb::LoadReport::default();
    let message = pb::session_request::Message::LoadReport(report);
    one.said
        .send(pb::SessionRequest { message: Some(message) })
        .await
        .unwrap();
    let parting = async {
        loop {
            if let Err(status) = one.told.message().await {
                return status;
            }
        }
    };
    let status = within("the end of the session", parting).await;
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(status.message().contains("window"), "{status}");
}
