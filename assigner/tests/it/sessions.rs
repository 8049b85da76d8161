//! Sessions of slicelets: assigned slices, store rates, and rejected messages.

use emberkeep_core::rate::Rate;
use emberkeep_proto::convert::FromSlicelet;
use emberkeep_proto::pb;
use emberkeep_proto::pb::admin_client::AdminClient;
use emberkeep_runtime::watch::{AssignmentWatcher, WatchSettings};
use emberkeep_testkit::deadline::within;
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tonic::Code;

use crate::running_member::{RunningMember, target};
use crate::scripted_slicelet::{ScriptedSlicelet, open_session, patient_settings, ready_heartbeat, serving_count};

#[tokio::test]
async fn registered_slicelets_share_the_slices_and_watchers_see_it() {
    let member = RunningMember::start().await;
    let mut one = ScriptedSlicelet::register(&member, "pod-1", 1).await;
    let two = ScriptedSlicelet::register(&member, "pod-2", 1).await;
    let pod = two.pod.clone();
    one.assigned(|assignment| serving_count(assignment, &pod) == 32).await;

    let stop = CancellationToken::new();
    let watcher = AssignmentWatcher::start(WatchSettings::new(target(), vec![member.url.clone()], "test"), &stop);
    let mut held = watcher.held();
    let seen = within("the watch", held.wait_for(Option::is_some))
        .await
        .unwrap()
        .clone()
        .unwrap();
    assert_eq!(*seen.assignment, one.assignment);
    assert!(member.assigner.shutdown().await);
}

#[tokio::test]
async fn a_slicelet_whose_process_is_gone_loses_its_slices_at_once() {
    let member = RunningMember::start().await;
    let mut one = ScriptedSlicelet::register(&member, "pod-1", 1).await;
    let two = ScriptedSlicelet::register(&member, "pod-2", 1).await;
    let pod = two.pod.clone();
    one.assigned(|assignment| serving_count(assignment, &pod) == 32).await;
    drop(two);
    one.assigned(|assignment| assignment.index_of(&pod.name).is_none())
        .await;
    let alone = one.pod.clone();
    assert_eq!(serving_count(&one.assignment, &alone), 64);
}

#[tokio::test]
async fn an_acknowledged_assignment_survives_a_restart() {
    let folder = TempDir::new().unwrap();
    let before = RunningMember::start_in(folder.path(), false).await;
    let mut one = ScriptedSlicelet::register(&before, "pod-1", 1).await;
    one.assigned(|assignment| assignment.generation().number() == 1).await;
    drop(one);
    assert!(before.assigner.shutdown().await);

    let after = RunningMember::start_in(folder.path(), false).await;
    let mut back = ScriptedSlicelet::register(&after, "pod-1", 2).await;
    let pod = back.pod.clone();
    back.assigned(|assignment| assignment.pods() == [pod.clone()]).await;
    assert!(back.assignment.generation().number() > 1, "generations continue");
}

#[tokio::test]
async fn the_store_budget_is_divided_by_demand() {
    let member = RunningMember::start().await;
    let mut admin = AdminClient::connect(member.url.clone()).await.unwrap();
    let limited = |requests| pb::TargetSettings {
        store_requests_per_second: Some(requests),
        ..patient_settings()
    };
    let create = pb::CreateTargetRequest {
        target: "profiles".to_owned(),
        settings: Some(limited(800)),
    };
    admin.create_target(create).await.unwrap();
    let mut one = ScriptedSlicelet::register(&member, "pod-1", 1).await;
    one.granted(Some(Rate::per_second(800))).await;
    let mut two = ScriptedSlicelet::register(&member, "pod-2", 1).await;
    two.granted(Some(Rate::per_second(400))).await;
    two.demand(Rate::per_second(9_000));
    two.granted(Some(Rate::per_second(700))).await;
    one.granted(Some(Rate::per_second(100))).await;

    let configure = pb::ConfigureTargetRequest {
        target: "profiles".to_owned(),
        settings: Some(limited(0)),
    };
    admin.configure_target(configure).await.unwrap();
    one.granted(None).await;
    two.granted(None).await;
}

#[tokio::test]
async fn a_session_that_does_not_register_is_rejected() {
    let member = RunningMember::start().await;
    let (sender, requests) = mpsc::channel(1);
    let heartbeat = FromSlicelet::Heartbeat(ready_heartbeat());
    sender.send((&heartbeat).into()).await.unwrap();
    let refused = open_session(&member, requests).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert_eq!(refused.message(), "the first message of a session must register");
}

#[tokio::test]
async fn an_invalid_message_ends_the_session_with_the_reason() {
    let member = RunningMember::start().await;
    let mut one = ScriptedSlicelet::register(&member, "pod-1", 1).await;
    let report = pb::LoadReport::default();
    let message = pb::session_request::Message::LoadReport(report);
    one.requests
        .send(pb::SessionRequest { message: Some(message) })
        .await
        .unwrap();
    let end = async {
        loop {
            if let Err(status) = one.responses.message().await {
                return status;
            }
        }
    };
    let status = within("the end of the session", end).await;
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(status.message().contains("window"), "{status}");
}
