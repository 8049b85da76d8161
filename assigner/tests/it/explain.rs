//! Explanations of keys, slices and pods, and the incidents and the activity of a target.

use emberkeep_proto::pb;
use emberkeep_proto::pb::admin_client::AdminClient;
use emberkeep_proto::pb::explain_subject_request::Subject;
use emberkeep_proto::pb::explain_subject_response::Explained;
use emberkeep_testkit::deadline::within;
use tonic::Code;
use tonic::transport::Channel;

use crate::running_member::RunningMember;
use crate::scripted_slicelet::{ScriptedSlicelet, serving_count};

fn asked(subject: Subject) -> pb::ExplainSubjectRequest {
    pb::ExplainSubjectRequest {
        target: "profiles".to_owned(),
        subject: Some(subject),
    }
}

/// Two pods that own all slices, and a client of the admin service.
async fn two_pods() -> (RunningMember, [ScriptedSlicelet; 2], AdminClient<Channel>) {
    let member = RunningMember::start().await;
    let mut one = ScriptedSlicelet::register(&member, "pod-1", 1).await;
    let two = ScriptedSlicelet::register(&member, "pod-2", 1).await;
    let pod = two.pod.clone();
    one.assigned(|assignment| serving_count(assignment, &pod) == 32).await;
    let admin = AdminClient::connect(member.url.clone()).await.unwrap();
    (member, [one, two], admin)
}

#[tokio::test]
async fn a_name_is_explained_as_a_pod_if_there_is_one_and_otherwise_as_a_key() {
    let (_member, [one, _two], mut admin) = two_pods().await;
    let pod = admin.explain_subject(asked(Subject::Name("pod-2".to_owned()))).await;
    let Some(Explained::Pod(pod)) = pod.unwrap().into_inner().explained else {
        panic!("a registered pod is explained as one");
    };
    assert_eq!((pod.pod.as_str(), pod.serving_count), ("pod-2", 32));

    let key = admin.explain_subject(asked(Subject::Name("user-17".to_owned()))).await;
    let response = key.unwrap().into_inner();
    let Some(Explained::Slice(slice)) = response.explained else {
        panic!("another name is a key");
    };
    let moved = slice.last_move.expect("the leader has assigned it");
    assert_eq!(moved.cause, "missing");
    assert_eq!(slice.replicas.len(), 1);
    assert_eq!(slice.replicas[0].pod, moved.to);
    assert_eq!(slice.generation, one.assignment.generation().number());
    assert!(response.text.contains("what keeps or moves it"), "{}", response.text);
}

#[tokio::test]
async fn unknown_pods_and_ranges_of_several_slices_are_refused() {
    let (_member, _pods, mut admin) = two_pods().await;
    let unknown = admin.explain_subject(asked(Subject::Pod("pod-9".to_owned()))).await;
    let unknown = unknown.unwrap_err();
    assert_eq!(unknown.code(), Code::InvalidArgument);
    assert_eq!(unknown.message(), "there is no pod pod-9; the pods are pod-1, pod-2");
    let all = pb::keys::Keys::Slice(pb::Slice::default());
    let several = Subject::Keys(pb::Keys { keys: Some(all) });
    let several = admin.explain_subject(asked(several)).await.unwrap_err();
    assert!(several.message().contains(" covers 64 slices"), "{several}");
}

#[tokio::test]
async fn incidents_and_activity_follow_the_pods() {
    let (_member, [_one, two], mut admin) = two_pods().await;
    let request = |after| pb::ListIncidentsRequest {
        target: "profiles".to_owned(),
        after,
    };
    let first = admin.list_incidents(request(0)).await.unwrap().into_inner();
    let kinds: Vec<_> = first.incidents.iter().map(|incident| incident.kind.as_str()).collect();
    assert_eq!(&kinds[..2], ["leader", "pod"], "{first:?}");
    let decided = first.incidents.iter().find(|incident| incident.kind == "decision");
    assert!(!decided.expect("slices were assigned").moves.is_empty(), "{first:?}");

    let activity = pb::DescribeActivityRequest {
        target: "profiles".to_owned(),
    };
    let activity = admin.describe_activity(activity).await.unwrap().into_inner();
    let pods: Vec<_> = activity
        .pods
        .iter()
        .map(|pod| (pod.pod.as_str(), pod.serving_count))
        .collect();
    assert_eq!(pods, [("pod-1", 32), ("pod-2", 32)], "{activity:?}");
    assert_eq!((activity.leader, activity.term), (first.leader, first.term));

    let drain = pb::DrainPodRequest {
        target: "profiles".to_owned(),
        pod: two.pod.name.as_str().to_owned(),
    };
    admin.drain_pod(drain).await.unwrap();
    let last = first.incidents.last().expect("there are some").number;
    let drains = async {
        loop {
            let newer = admin.list_incidents(request(last)).await.unwrap().into_inner();
            assert!(newer.incidents.iter().all(|incident| incident.number > last));
            if newer.incidents.iter().any(|incident| incident.text == "pod-2 drains") {
                return;
            }
        }
    };
    within("the drain", drains).await;
}
