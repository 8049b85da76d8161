//! Queries of operators to the leading brain of a target, for state that is not replicated.

use std::sync::Arc;
use std::time::Duration;

use emberkeep_core::assigner::{
    DecisionInputs, Explanation, KeySpaceBands, LoadSummary, PodLoads, Query, QueryReply, ReportWithMoves, Subject,
    SubjectExplanation, TargetActivity, TargetEvent, TargetOverview,
};
use emberkeep_core::balancer::{Decision, DecisionReport, Scope};
use emberkeep_core::pod::PodName;
use emberkeep_core::target::TargetName;
use emberkeep_core::time::Timestamp;
use emberkeep_proto::convert::{leader_redirect_status, wire_incident};
use emberkeep_proto::pb;
use tokio::time::timeout;
use tonic::Status;

use crate::raft::{Member, RaftStatus};
use crate::session_registry::SessionRegistry;

/// The deadline of a brain's answer.
const ANSWER_DEADLINE: Duration = Duration::from_secs(2);

/// The error of an answer that does not match its query.
const ANOTHER_ANSWER: &str = "the brain answered another query";

/// The number of decisions of each target on the status page.
const PAGE_DECISIONS: usize = 20;

/// Sends queries to brains and converts the answers to wire messages.
#[derive(Clone)]
pub(crate) struct BrainQueries {
    pub(crate) member: Member,
    pub(crate) registry: Arc<SessionRegistry>,
}

impl BrainQueries {
    /// The recent decisions of all targets as text; for targets led elsewhere, the redirect.
    pub(crate) async fn page(&self) -> String {
        let targets: Vec<TargetName> = self.member.state().borrow().targets().keys().cloned().collect();
        let mut page = String::new();
        for target in targets {
            let answer = self.query(&target, Query::Explain { last: PAGE_DECISIONS }).await;
            let text = match answer {
                Ok(QueryReply::Explanation(explanation)) => explanation.to_string(),
                Ok(_) => format!("{ANOTHER_ANSWER}\n"),
                Err(status) => format!("{}\n", status.message()),
            };
            page.push_str(&format!("target {target}\n\n{text}\n"));
        }
        page
    }

    /// The last decisions, and why none is made now.
    pub(crate) async fn explain(&self, target: &TargetName, last: u32) -> Result<pb::ExplainTargetResponse, Status> {
        let last = last as usize;
        let QueryReply::Explanation(explanation) = self.query(target, Query::Explain { last }).await? else {
            return Err(Status::internal(ANOTHER_ANSWER));
        };
        Ok(explained(&explanation))
    }

    /// The decision that would be made now if the pods of `without` had just died.
    pub(crate) async fn plan(
        &self,
        target: &TargetName,
        without: Vec<PodName>,
        balances: bool,
    ) -> Result<pb::PlanTargetResponse, Status> {
        let inputs = self.inputs(target).await?;
        let scope = if balances { Scope::Balance } else { Scope::Repair };
        let inputs = without.iter().fold(inputs, DecisionInputs::without).within(scope);
        computed(move || {
            let decision = inputs.decide();
            planned(&inputs, &decision)
        })
        .await
    }

    /// The present load of the pods.
    pub(crate) async fn loads(&self, target: &TargetName) -> Result<pb::DescribeLoadResponse, Status> {
        let inputs = self.inputs(target).await?;
        Ok(loads(&PodLoads::of(&inputs)))
    }

    /// Where a subject is, since when and why.
    pub(crate) async fn explain_subject(
        &self,
        target: &TargetName,
        subject: Subject,
    ) -> Result<pb::ExplainSubjectResponse, Status> {
        let overview = self.overview(target).await?;
        let explained = computed(move || SubjectExplanation::try_of(&overview, &subject)).await?;
        let explained = explained.map_err(|error| Status::invalid_argument(error.to_string()))?;
        Ok((&explained).into())
    }

    /// What has happened since the incident with the number `after`.
    pub(crate) async fn incidents(&self, target: &TargetName, after: u64) -> Result<pb::ListIncidentsResponse, Status> {
        let QueryReply::Incidents { incidents, now } = self.query(target, Query::Incidents { after }).await? else {
            return Err(Status::internal(ANOTHER_ANSWER));
        };
        let RaftStatus { id, term, .. } = self.member.raft_status();
        Ok(pb::ListIncidentsResponse {
            incidents: incidents.iter().map(|incident| wire_incident(incident, now)).collect(),
            leader: id,
            term,
        })
    }

    /// The pods at work, and the moves in progress.
    pub(crate) async fn activity(&self, target: &TargetName) -> Result<pb::DescribeActivityResponse, Status> {
        let overview = self.overview(target).await?;
        let RaftStatus { id, term, .. } = self.member.raft_status();
        computed(move || pb::DescribeActivityResponse {
            generation: overview.inputs.assignment.generation().number(),
            leader: id,
            term,
            status: overview.status.to_string(),
            troubles: overview.troubles.iter().map(ToString::to_string).collect(),
            ..pb::DescribeActivityResponse::from(&TargetActivity::of(&overview))
        })
        .await
    }

    /// The whole key space in at most `band_count` bands.
    pub(crate) async fn key_space(
        &self,
        target: &TargetName,
        band_count: usize,
    ) -> Result<pb::DescribeKeySpaceResponse, Status> {
        let DecisionInputs {
            assignment, signals, ..
        } = self.inputs(target).await?;
        computed(move || pb::DescribeKeySpaceResponse {
            generation: assignment.generation().number(),
            ..(&KeySpaceBands::of(&assignment, &signals.load, band_count)).into()
        })
        .await
    }

    async fn overview(&self, target: &TargetName) -> Result<TargetOverview, Status> {
        let QueryReply::Overview(overview) = self.query(target, Query::Overview).await? else {
            return Err(Status::internal(ANOTHER_ANSWER));
        };
        Ok(*overview)
    }

    /// The targets whose brains run at this member.
    pub(crate) fn led_targets(&self) -> Vec<TargetName> {
        self.registry.brains().borrow().keys().cloned().collect()
    }

    /// How even the load is now.
    pub(crate) async fn load_summary(&self, target: &TargetName) -> Result<LoadSummary, Status> {
        let inputs = self.inputs(target).await?;
        computed(move || LoadSummary::of(&inputs)).await
    }

    /// What a decision would depend on now.
    async fn inputs(&self, target: &TargetName) -> Result<DecisionInputs, Status> {
        let QueryReply::DecisionInputs(inputs) = self.query(target, Query::DecisionInputs).await? else {
            return Err(Status::internal(ANOTHER_ANSWER));
        };
        Ok(*inputs)
    }

    async fn query(&self, target: &TargetName, query: Query) -> Result<QueryReply, Status> {
        let brain = self.registry.brains().borrow().get(target).cloned();
        let not_leading = || leader_redirect_status(self.member.leadership().borrow().leader());
        let brain = brain.ok_or_else(not_leading)?;
        let (id, answer) = self.registry.open_query();
        let reply = async {
            brain.events.send(TargetEvent::QueryReceived { id, query }).await.ok()?;
            answer.await.ok()
        };
        let answered = timeout(ANSWER_DEADLINE, brain.ended.run_until_cancelled(reply)).await;
        match answered {
            Ok(answer) => answer.flatten().ok_or_else(not_leading),
            Err(_) => Err(Status::unavailable(format!(
                "the brain gave no answer within {ANSWER_DEADLINE:?}, try again"
            ))),
        }
    }
}

/// Computes from a copy of a brain's state in a blocking thread: for a large target it takes too long for an async worker.
async fn computed<T: Send + 'static>(compute: impl FnOnce() -> T + Send + 'static) -> Result<T, Status> {
    let outcome = tokio::task::spawn_blocking(compute).await;
    outcome.map_err(|error| Status::internal(error.to_string()))
}

fn explained(explanation: &Explanation) -> pb::ExplainTargetResponse {
    let Explanation {
        now,
        status,
        troubles,
        decisions,
        idle,
    } = explanation;
    let decisions = decisions
        .iter()
        .map(|decided| decision(&decided.report, decided.generation.number(), *now));
    pb::ExplainTargetResponse {
        status: status.to_string(),
        decisions: decisions.collect(),
        idle: idle.as_ref().map(|report| decision(report, 0, *now)),
        text: explanation.to_string(),
        troubles: troubles.iter().map(ToString::to_string).collect(),
    }
}

fn decision(report: &DecisionReport, generation: i64, now: Timestamp) -> pb::Decision {
    let age = now.since(report.decided_at).as_millis();
    pb::Decision {
        generation,
        age_ms: u64::try_from(age).unwrap_or(u64::MAX),
        report: ReportWithMoves(report).to_string(),
    }
}

fn loads(pod_loads: &PodLoads) -> pb::DescribeLoadResponse {
    let pods = pod_loads.loads.iter().map(|(name, load)| pb::PodLoad {
        pod: name.as_str().to_owned(),
        load_milli: load.milli(),
    });
    pb::DescribeLoadResponse {
        pods: pods.collect(),
        mean_milli: pod_loads.mean.milli(),
        tolerance_milli: pod_loads.tolerance.milli(),
    }
}

fn planned(inputs: &DecisionInputs, decision: &Decision) -> pb::PlanTargetResponse {
    pb::PlanTargetResponse {
        generation: inputs.assignment.generation().number(),
        changes: decision.next.is_some(),
        report: ReportWithMoves(&decision.report).to_string(),
    }
}
