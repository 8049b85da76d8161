//! Pods that could not be reached are reported to the assigner.

use emberkeep_clerk::Clerk;
use emberkeep_core::target::TargetName;
use emberkeep_proto::convert::PodReport;
use emberkeep_proto::pb::pod_reports_server::{PodReports, PodReportsServer};
use emberkeep_proto::pb::{ReportRequest, ReportResponse};
use emberkeep_runtime::serve::{bind, incoming, server_builder};
use tokio::sync::mpsc;
use tonic::{Request, Response, Status};

use crate::assigner::{TARGET, TestAssigner};
use crate::pod::{Behaviour, TestPod, dead_pod};
use crate::{DEADLINE, ask, patient, waiting};

/// The part of a leading assigner that takes reports.
struct Desk(mpsc::Sender<PodReport>);

#[tonic::async_trait]
impl PodReports for Desk {
    async fn report(&self, request: Request<ReportRequest>) -> Result<Response<ReportResponse>, Status> {
        let report = PodReport::try_from(request.into_inner())?;
        self.0
            .send(report)
            .await
            .map_err(|_| Status::cancelled("the test is over"))?;
        Ok(Response::new(ReportResponse {}))
    }
}

async fn desk() -> (String, mpsc::Receiver<PodReport>) {
    let (sender, reports) = mpsc::channel(64);
    let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = server_builder().add_service(PodReportsServer::new(Desk(sender)));
    tokio::spawn(server.serve_with_incoming(incoming(listener)));
    (url, reports)
}

/// A clerk whose sources are one that only tells assignments, as a slicelet does, and one that only takes reports.
async fn clerk_of(assigner: &TestAssigner, desk: String) -> Clerk {
    let builder = Clerk::builder(TARGET).slicelet(assigner.address.to_string());
    let clerk = builder.assigner(desk).settings(patient()).connect().await.unwrap();
    clerk.ready(DEADLINE).await.unwrap();
    clerk
}

async fn next(reports: &mut mpsc::Receiver<PodReport>) -> PodReport {
    tokio::time::timeout(DEADLINE, reports.recv()).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_pod_that_cannot_be_reached_is_reported_while_the_request_goes_on() {
    let (assigner, b) = (TestAssigner::start().await, TestPod::start("b"));
    let (a, _port) = dead_pod("a");
    assigner.assign(&[("", &[&a])]);
    let (url, mut reports) = desk().await;
    let clerk = clerk_of(&assigner, url).await;
    let asking = tokio::spawn(ask(clerk.for_key("k")));
    let expected = PodReport {
        target: TargetName::try_new(TARGET).unwrap(),
        pod: a.name.clone(),
        incarnation: a.incarnation,
    };
    assert_eq!(next(&mut reports).await, expected);
    assigner.assign(&[("", &[&b.pod])]);
    assert_eq!(asking.await.unwrap().unwrap(), "b");
    assert!(clerk.stats().reported > 0);
}

#[tokio::test]
async fn a_pod_whose_connection_breaks_is_reported_whether_or_not_the_request_may_be_repeated() {
    let (assigner, mut a) = (TestAssigner::start().await, TestPod::start("a"));
    assigner.assign(&[("", &[&a.pod])]);
    let (url, mut reports) = desk().await;
    let clerk = clerk_of(&assigner, url).await;
    a.behave(Behaviour::Hang);
    let asking = tokio::spawn(ask(clerk.for_key("k")));
    a.received().await;
    a.kill();
    asking.await.unwrap().unwrap_err();
    assert_eq!(next(&mut reports).await.pod, a.pod.name);
}

#[tokio::test]
async fn seeds_are_not_reported_nor_is_anything_where_no_assigner_is_known() {
    let (a, _port) = dead_pod("a");
    let seeds = [a.address.to_string()];
    let (url, _reports) = desk().await;
    for builder in [Clerk::builder(TARGET), Clerk::builder(TARGET).assigner(url)] {
        let builder = builder.seed_pods(seeds.clone()).settings(patient());
        let clerk = builder.connect().await.unwrap();
        let asking = tokio::spawn(ask(clerk.for_key("k")));
        waiting(&clerk, 1).await;
        assert_eq!(clerk.stats().reported, 0);
        asking.abort();
    }
}
