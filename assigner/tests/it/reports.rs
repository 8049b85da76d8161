//! Reports of clerks about unreachable pods.

use std::time::Duration;

use emberkeep_assigner::raft::RaftSettings;
use emberkeep_assigner::{Assigner, AssignerConfig};
use emberkeep_core::pod::Pod;
use emberkeep_proto::convert::{LeaderRedirect, PodReport};
use emberkeep_proto::pb;
use emberkeep_proto::pb::pod_reports_client::PodReportsClient;
use emberkeep_testkit::deadline::within;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tonic::Code;

use crate::running_member::{RunningMember, target};
use crate::scripted_slicelet::{ScriptedSlicelet, serving_count};

fn report_of(pod: &Pod) -> pb::ReportRequest {
    pb::ReportRequest::from(&PodReport {
        target: target(),
        pod: pod.name.clone(),
        incarnation: pod.incarnation,
    })
}

#[tokio::test]
async fn a_reported_pod_is_removed_only_if_it_refuses_a_probe() {
    let member = RunningMember::start().await;
    let mut one = ScriptedSlicelet::register(&member, "pod-1", 1).await;
    let mut two = ScriptedSlicelet::register(&member, "pod-2", 1).await;
    let (living, dying) = (one.pod.clone(), two.pod.clone());
    one.assigned(|assignment| serving_count(assignment, &dying) == 32).await;

    // Its heartbeats go on, but its address refuses connections.
    two.stop_listening();
    let mut reports = PodReportsClient::connect(member.url.clone()).await.unwrap();
    let reporting = async {
        let mut pace = tokio::time::interval(Duration::from_millis(300));
        loop {
            pace.tick().await;
            reports.report(report_of(&living)).await.unwrap();
            reports.report(report_of(&dying)).await.unwrap();
        }
    };
    tokio::select! {
        () = one.assigned(|assignment| assignment.index_of(&dying.name).is_none()) => {}
        () = reporting => {}
    }
    assert_eq!(serving_count(&one.assignment, &living), 64);
}

#[tokio::test]
async fn an_invalid_report_is_rejected_and_one_about_an_unknown_pod_changes_nothing() {
    let member = RunningMember::start().await;
    let mut one = ScriptedSlicelet::register(&member, "pod-1", 1).await;
    one.assigned(|assignment| assignment.generation().number() == 1).await;
    let mut reports = PodReportsClient::connect(member.url.clone()).await.unwrap();
    let report = report_of(&one.pod);
    let short_incarnation = pb::ReportRequest {
        incarnation: vec![1; 3],
        ..report.clone()
    };
    let refused = reports.report(short_incarnation).await.unwrap_err();
    assert_eq!(refused.message(), "incarnation: it has 3 bytes, but must have 16");
    let unknown_target = pb::ReportRequest {
        target: "orders".to_owned(),
        ..report.clone()
    };
    let refused = reports.report(unknown_target).await.unwrap_err();
    assert_eq!(
        (refused.code(), refused.message()),
        (Code::NotFound, "there is no target orders")
    );
    let unknown_pod = pb::ReportRequest {
        pod: "pod-9".to_owned(),
        ..report
    };
    reports.report(unknown_pod).await.unwrap();
    assert_eq!(serving_count(&one.assignment, &one.pod.clone()), 32);
}

#[tokio::test]
async fn a_follower_redirects_reports_to_the_leader_if_it_knows_one() {
    let folder = TempDir::new().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut raft = RaftSettings::alone(folder.path(), format!("http://{address}"));
    // The other two members are not started.
    for id in [2, 3] {
        raft.members.insert(id, format!("http://127.0.0.1:{id}"));
    }
    let config = AssignerConfig::new(address, raft);
    let assigner = Assigner::start_on(listener, config).await.unwrap();
    let mut reports = PodReportsClient::connect(format!("http://{address}")).await.unwrap();
    let report = pb::ReportRequest {
        target: "profiles".to_owned(),
        pod: "pod-1".to_owned(),
        incarnation: vec![1; 16],
    };
    let redirected = within("an answer", reports.report(report)).await.unwrap_err();
    assert_eq!(
        LeaderRedirect::from_status(&redirected),
        Some(LeaderRedirect { leader: None })
    );
    assert!(assigner.shutdown().await);
}
