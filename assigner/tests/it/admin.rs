//! The admin service: targets, decisions and plans, pins.

use emberkeep_proto::pb;
use emberkeep_proto::pb::admin_client::AdminClient;
use emberkeep_testkit::deadline::within;
use tonic::Code;

use crate::running_member::RunningMember;
use crate::scripted_slicelet::{ScriptedSlicelet, serving_count};

#[tokio::test]
async fn a_created_target_is_described() {
    let member = RunningMember::start().await;
    let mut admin = AdminClient::connect(member.url.clone()).await.unwrap();
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
async fn explain_reports_decisions_and_plan_reports_the_effect_of_a_loss() {
    let member = RunningMember::start().await;
    let mut one = ScriptedSlicelet::register(&member, "pod-1", 1).await;
    let two = ScriptedSlicelet::register(&member, "pod-2", 1).await;
    let pod = two.pod.clone();
    one.assigned(|assignment| serving_count(assignment, &pod) == 32).await;
    let mut admin = AdminClient::connect(member.url.clone()).await.unwrap();

    let target = "profiles".to_owned();
    let request = pb::ExplainTargetRequest { target, last: 5 };
    let explained = admin.explain_target(request).await.unwrap().into_inner();
    let newest = explained
        .decisions
        .last()
        .expect("the slices were assigned by a decision");
    assert_eq!(newest.generation, one.assignment.generation().number());
    assert!(newest.report.contains("slices moved"), "{explained:?}");
    assert!(explained.status.starts_with("nothing is decided: "), "{explained:?}");
    assert!(
        explained.text.ends_with(&format!("now: {}\n", explained.status)),
        "{explained:?}"
    );

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
    one.assigned(|assignment| serving_count(assignment, &pod) == 32).await;
}

#[tokio::test]
async fn keys_are_pinned_to_existing_pods_and_unpinned_in_part() {
    let member = RunningMember::start().await;
    let _one = ScriptedSlicelet::register(&member, "pod-1", 1).await;
    let mut admin = AdminClient::connect(member.url.clone()).await.unwrap();
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
    // The pod becomes known shortly after its session has opened.
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
