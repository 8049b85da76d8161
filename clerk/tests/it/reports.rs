//! Unreachable pods are reported to the assigner.

use emberkeep_clerk::Clerk;
use emberkeep_core::target::TargetName;
use emberkeep_proto::convert::PodReport;
use emberkeep_proto::pb::pod_reports_server::{PodReports, PodReportsServer};
use emberkeep_proto::pb::{ReportRequest, ReportResponse};
use emberkeep_testkit::assignment_server::AssignmentServer;
use emberkeep_testkit::deadline::soon;
use emberkeep_testkit::grpc_server::serve;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic::{Request, Response, Status};

use crate::echo_pod::{EchoPod, PodBehaviour, dead_pod};
use crate::{DEADLINE, TARGET, assignment_server, call, patient, waiting};

/// The service of a leading assigner that receives reports.
struct ReportCollector(mpsc::Sender<PodReport>);

#[tonic::async_trait]
impl PodReports for ReportCollector {
    async fn report(&self, request: Request<ReportRequest>) -> Result<Response<ReportResponse>, Status> {
        let report = PodReport::try_from(request.into_inner())?;
        self.0
            .send(report)
            .await
            .map_err(|_| Status::cancelled("the test is over"))?;
        Ok(Response::new(ReportResponse {}))
    }
}

async fn report_collector() -> (String, mpsc::Receiver<PodReport>) {
    let (sender, reports) = mpsc::channel(64);
    let service = PodReportsServer::new(ReportCollector(sender));
    let address = serve(Routes::new(service), CancellationToken::new()).await;
    (format!("http://{address}"), reports)
}

/// A clerk with two sources: one serves assignments only, as a slicelet does, and one receives reports only.
async fn clerk_of(assigner: &AssignmentServer, collector: String) -> Clerk {
    let builder = Clerk::builder(TARGET).slicelet(assigner.address.to_string());
    let clerk = builder.assigner(collector).settings(patient()).connect().await.unwrap();
    clerk.ready(DEADLINE).await.unwrap();
    clerk
}

async fn next(reports: &mut mpsc::Receiver<PodReport>) -> PodReport {
    soon(reports.recv()).await.unwrap()
}

#[tokio::test]
async fn an_unreachable_pod_is_reported_while_its_request_waits() {
    let (assigner, b) = (assignment_server().await, EchoPod::start("b").await);
    let (a, _port) = dead_pod("a");
    assigner.assign(&[("", &[&a])]);
    let (url, mut reports) = report_collector().await;
    let clerk = clerk_of(&assigner, url).await;
    let calling = tokio::spawn(call(clerk.for_key("k")));
    let expected = PodReport {
        target: TargetName::try_new(TARGET).unwrap(),
        pod: a.name.clone(),
        incarnation: a.incarnation,
    };
    assert_eq!(next(&mut reports).await, expected);
    assigner.assign(&[("", &[&b.pod])]);
    assert_eq!(calling.await.unwrap().unwrap(), "b");
    assert!(clerk.stats().reported > 0);
}

#[tokio::test]
async fn a_pod_whose_connection_breaks_is_reported_although_the_request_is_not_retried() {
    let (assigner, mut a) = (assignment_server().await, EchoPod::start("a").await);
    assigner.assign(&[("", &[&a.pod])]);
    let (url, mut reports) = report_collector().await;
    let clerk = clerk_of(&assigner, url).await;
    a.behave(PodBehaviour::Hang);
    let calling = tokio::spawn(call(clerk.for_key("k")));
    a.received().await;
    a.kill();
    calling.await.unwrap().unwrap_err();
    assert_eq!(next(&mut reports).await.pod, a.pod.name);
}

#[tokio::test]
async fn seeds_are_not_reported() {
    let (a, _port) = dead_pod("a");
    let seeds = [a.address.to_string()];
    let (url, _reports) = report_collector().await;
    for builder in [Clerk::builder(TARGET), Clerk::builder(TARGET).assigner(url)] {
        let builder = builder.seed_pods(seeds.clone()).settings(patient());
        let clerk = builder.connect().await.unwrap();
        let calling = tokio::spawn(call(clerk.for_key("k")));
        waiting(&clerk, 1).await;
        assert_eq!(clerk.stats().reported, 0);
        calling.abort();
    }
}
