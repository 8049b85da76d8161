//! Reports: clerks tell the leader which pods they could not reach.

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

use crate::desk::{Brain, Desk};
use crate::metrics::Metrics;
use crate::raft::Member;

/// When a pod dies, all clerks may report it at the same time. Its brain is told once in this time.
const REPORT_PAUSE: Duration = Duration::from_secs(1);

/// Of so many pods a brain is told within that time, at most.
const REPORTED_MAX: usize = 1_024;

/// Serves the reports of clerks.
pub(crate) struct Reports {
    member: Member,
    desk: Arc<Desk>,
    metrics: Metrics,
    clock: Clock,
    told: Mutex<KeyedThrottle<(TargetName, PodName)>>,
}

#[tonic::async_trait]
impl PodReports for Reports {
    async fn report(&self, request: Request<ReportRequest>) -> Result<Response<ReportResponse>, Status> {
        let report = PodReport::try_from(request.into_inner()).inspect_err(|_| self.metrics.reported("refused"))?;
        let brain = self
            .brain(&report.target)
            .inspect_err(|_| self.metrics.reported("redirected"))?;
        let outcome = match self.is_news(&report) {
            true => told(&brain, report),
            false => "ignored",
        };
        self.metrics.reported(outcome);
        Ok(Response::new(ReportResponse {}))
    }
}

impl Reports {
    pub(crate) fn new(member: Member, desk: Arc<Desk>, metrics: Metrics) -> Self {
        Self {
            member,
            desk,
            metrics,
            clock: Clock::start(),
            told: Mutex::new(KeyedThrottle::new(REPORT_PAUSE, REPORTED_MAX)),
        }
    }

    fn brain(&self, target: &TargetName) -> Result<Brain, Status> {
        if let Some(brain) = self.desk.brains().borrow().get(target) {
            return Ok(brain.clone());
        }
        let leadership = self.member.leadership();
        let leadership = leadership.borrow();
        match leadership.is_leading() {
            true => Err(Status::not_found(format!("there is no target {target}"))),
            false => Err(leader_redirect_status(leadership.leader())),
        }
    }

    /// Whether the report is of a pod that is registered, and the first for a while.
    fn is_news(&self, report: &PodReport) -> bool {
        let state = self.member.state();
        let state = state.borrow().target(&report.target).cloned();
        let record = state.as_ref().and_then(|state| state.pods.get(&report.pod));
        if record.is_none_or(|record| record.pod.incarnation != report.incarnation) {
            return false;
        }
        let pod = (report.target.clone(), report.pod.clone());
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.allow(pod, self.clock.now())
    }
}

/// Tells the brain, unless it is busy: what its sessions say comes first, and further reports will come.
fn told(brain: &Brain, report: PodReport) -> &'static str {
    let event = TargetEvent::UnreachableReported {
        pod: report.pod,
        incarnation: report.incarnation,
    };
    match brain.events.try_send(event) {
        Ok(()) => "taken",
        Err(_) => "dropped",
    }
}
