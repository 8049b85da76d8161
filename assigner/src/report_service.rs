//! Reports: clerks report unreachable pods to the leader.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use emberkeep_core::assigner::TargetEvent;
use emberkeep_core::pod::PodName;
use emberkeep_core::target::TargetName;
use emberkeep_proto::convert::{PodReport, leader_redirect_status};
use emberkeep_proto::pb::pod_reports_server::PodReports;
use emberkeep_proto::pb::{ReportRequest, ReportResponse};
use emberkeep_runtime::clock::Clock;
use emberkeep_runtime::keyed_throttle::KeyedThrottle;
use tonic::{Request, Response, Status};

use crate::metrics::Metrics;
use crate::raft::Member;
use crate::session_registry::{BrainHandle, SessionRegistry};

/// When a pod dies, all clerks may report it at the same time. The brain gets one report of a pod in this time.
const REPORT_PAUSE: Duration = Duration::from_secs(1);

/// The most pods whose reports are passed on within that time.
const REPORTED_MAX: usize = 1_024;

/// Serves the reports of clerks.
pub(crate) struct ReportService {
    member: Member,
    registry: Arc<SessionRegistry>,
    metrics: Metrics,
    clock: Clock,
    throttle: Mutex<KeyedThrottle<(TargetName, PodName)>>,
}

#[tonic::async_trait]
impl PodReports for ReportService {
    async fn report(&self, request: Request<ReportRequest>) -> Result<Response<ReportResponse>, Status> {
        let report =
            PodReport::try_from(request.into_inner()).inspect_err(|_| self.metrics.record_pod_report("rejected"))?;
        let brain = self
            .brain(&report.target)
            .inspect_err(|_| self.metrics.record_pod_report("redirected"))?;
        let outcome = match self.admit(&report) {
            true => forward(&brain, report),
            false => "ignored",
        };
        self.metrics.record_pod_report(outcome);
        Ok(Response::new(ReportResponse {}))
    }
}

impl ReportService {
    pub(crate) fn new(member: Member, registry: Arc<SessionRegistry>, metrics: Metrics) -> Self {
        Self {
            member,
            registry,
            metrics,
            clock: Clock::start(),
            throttle: Mutex::new(KeyedThrottle::new(REPORT_PAUSE, REPORTED_MAX)),
        }
    }

    fn brain(&self, target: &TargetName) -> Result<BrainHandle, Status> {
        if let Some(brain) = self.registry.brains().borrow().get(target) {
            return Ok(brain.clone());
        }
        let leadership = self.member.leadership();
        let leadership = leadership.borrow();
        match leadership.is_leading() {
            true => Err(Status::not_found(format!("there is no target {target}"))),
            false => Err(leader_redirect_status(leadership.leader())),
        }
    }

    /// Whether the report is passed on: its pod is registered, and the throttle allows it.
    fn admit(&self, report: &PodReport) -> bool {
        let state = self.member.state();
        let state = state.borrow().target(&report.target).cloned();
        let record = state.as_ref().and_then(|state| state.pods.get(&report.pod));
        if record.is_none_or(|record| record.pod.incarnation != report.incarnation) {
            return false;
        }
        let pod = (report.target.clone(), report.pod.clone());
        let mut throttle = self.throttle.lock().unwrap_or_else(PoisonError::into_inner);
        throttle.allow(pod, self.clock.now())
    }
}

/// Sends the report to the brain unless its queue is full: heartbeats have priority, and clerks report again.
fn forward(brain: &BrainHandle, report: PodReport) -> &'static str {
    let event = TargetEvent::UnreachableReported {
        pod: report.pod,
        incarnation: report.incarnation,
    };
    match brain.events.try_send(event) {
        Ok(()) => "accepted",
        Err(_) => "dropped",
    }
}
