//! Reports of clerks that could not reach a pod.

use std::time::Duration;

use emberkeep_assigner::raft::RaftSettings;
use emberkeep_assigner::{Assigner, AssignerConfig};
use emberkeep_core::pod::{Pod, PodPhase};
use emberkeep_core::rate::Rate;
use emberkeep_proto::convert::{LeaderRedirect, PodReport};
use emberkeep_proto::pb;
use emberkeep_proto::pb::pod_reports_client::PodReportsClient;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tonic::Code;

use crate::pretender::{Pretender, serving};
use crate::running::{member, target, within};

fn report_of(pod: &Pod) -> pb::ReportRequest {
    pb::ReportRequest::from(&PodReport {
        target: target(),
        pod: pod.name.clone(),
        incarnation: pod.incarnation,
    })
}

#[tokio::test]
async fn a_reported_pod_is_probed_and_lost_only_if_nobody_listens_there() {
    let running = member().await;
    let mut one = Pretender::registers(&running, "pod-1", 1).await;
    let mut two = Pretender::registers(&running, "pod-2", 1).await;
    let (living, dying) = (one.pod.clone(), two.pod.clone());
    one.holds(|held| serving(held, &dying) == 32).await;

    // It goes on saying that it lives, but nobody listens at its address any more.
    two.stops_listening();
    let mut reports = PodReportsClient::connect(running.url.clone()).await.unwrap();
    let reporting = async {
        let mut pace = tokio::time::interval(Duration::from_millis(300));
        loop {
            pace.tick().await;
            reports.report(report_of(&living)).await.unwrap();
            reports.report(report_of(&dying)).await.unwrap();
            // Once it is taken for dead, its session is closed.
            let _ = two.said.send(two.heartbeat(PodPhase::Ready, Rate::ZERO)).await;
        }
    };
    tokio::select! {
        () = one.holds(|held| held.index_of(&dying.name).is_none()) => {}
        () = reporting => {}
    }
    assert_eq!(serving(&one.held, &living), 64);
}

#[tokio::test]
async fn a_report_that_breaks_a_rule_is_refused_and_one_of_a_stranger_changes_nothing() {
    let running = member().await;
    let mut one = Pretender::registers(&running, "pod-1", 1).await;
    one.holds(|held| held.generation().number() == 1).await;
    let mut reports = PodReportsClient::connect(running.url.clone()).await.unwrap();
    let report = report_of(&one.pod);
    let no_life = pb::ReportRequest {
        incarnation: vec![1; 3],
        ..report.clone()
    };
    let refused = reports.report(no_life).await.unwrap_err();
    assert_eq!(refused.message(), "incarnation: it has 3 bytes, but must have 16");
    let no_target = pb::ReportRequest {
        target: "orders".to_owned(),
        ..report.clone()
    };
    let refused = reports.report(no_target).await.unwrap_err();
    assert_eq!(
        (refused.code(), refused.message()),
        (Code::NotFound, "there is no target orders")
    );
    let stranger = pb::ReportRequest {
        pod: "pod-9".to_owned(),
        ..report
    };
    reports.report(stranger).await.unwrap();
    assert_eq!(serving(&one.held, &one.pod.clone()), 32);
}

#[tokio::test]
async fn a_member_that_does_not_lead_takes_no_reports_and_says_who_leads_if_it_knows() {
    let folder = TempDir::new().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut raft = RaftSettings::alone(folder.path(), format!("http://{address}"));
    // The other two have never been started.
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
