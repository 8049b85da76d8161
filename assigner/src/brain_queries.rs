//! Queries of operators to the leading brain of a target, for state that is not replicated.

use std::sync::Arc;
use std::time::Duration;

use emberkeep_core::assigner::{Answer, Detailed, Explanation, PodLoads, Question, Situation, TargetEvent};
use emberkeep_core::balancer::{Decision, Report, Scope};
use emberkeep_core::pod::PodName;
use emberkeep_core::target::TargetName;
use emberkeep_core::time::Timestamp;
use emberkeep_proto::convert::leader_redirect_status;
use emberkeep_proto::pb;
use tokio::time::timeout;
use tonic::Status;

use crate::raft::Member;
use crate::session_registry::SessionRegistry;

/// The deadline of a brain's answer.
const ANSWER_DEADLINE: Duration = Duration::from_secs(2);

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
            let answer = self.query(&target, Question::Explain { last: PAGE_DECISIONS }).await;
            let text = match answer {
                Ok(Answer::Explanation(explanation)) => explanation.to_string(),
                Ok(Answer::Situation(_)) => "the brain answered another query\n".to_owned(),
                Err(status) => format!("{}\n", status.message()),
            };
            page.push_str(&format!("target {target}\n\n{text}\n"));
        }
        page
    }

    /// The last decisions, and why none is made now.
    pub(crate) async fn explain(&self, target: &TargetName, last: u32) -> Result<pb::ExplainTargetResponse, Status> {
        let last = last as usize;
        match self.query(target, Question::Explain { last }).await? {
            Answer::Explanation(explanation) => Ok(explained(&explanation)),
            Answer::Situation(_) => Err(Status::internal("the brain answered another query")),
        }
    }

    /// The decision that would be made now if the pods of `without` had just died.
    pub(crate) async fn plan(
        &self,
        target: &TargetName,
        without: Vec<PodName>,
        balances: bool,
    ) -> Result<pb::PlanTargetResponse, Status> {
        let situation = self.situation(target).await?;
        let scope = if balances { Scope::Balance } else { Scope::Repair };
        let situation = without.iter().fold(situation, Situation::without).within(scope);
        // Decides on a copy of the inputs in a blocking thread: for a large target it takes too long for an async
        // worker.
        let decided = tokio::task::spawn_blocking(move || {
            let decision = situation.decide();
            planned(&situation, &decision)
        });
        decided.await.map_err(|error| Status::internal(error.to_string()))
    }

    /// The present load of the pods.
    pub(crate) async fn loads(&self, target: &TargetName) -> Result<pb::DescribeLoadResponse, Status> {
        let situation = self.situation(target).await?;
        Ok(loads(&PodLoads::of(&situation)))
    }

    async fn situation(&self, target: &TargetName) -> Result<Situation, Status> {
        match self.query(target, Question::Situation).await? {
            Answer::Situation(situation) => Ok(*situation),
            Answer::Explanation(_) => Err(Status::internal("the brain answered another query")),
        }
    }

    async fn query(&self, target: &TargetName, question: Question) -> Result<Answer, Status> {
        let brain = self.registry.brains().borrow().get(target).cloned();
        let not_leading = || leader_redirect_status(self.member.leadership().borrow().leader());
        let brain = brain.ok_or_else(not_leading)?;
        let (id, answer) = self.registry.open_query();
        let reply = async {
            brain.events.send(TargetEvent::Asked { id, question }).await.ok()?;
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

fn explained(explanation: &Explanation) -> pb::ExplainTargetResponse {
    let Explanation {
        now,
        outlook,
        troubles,
        decisions,
        idle,
    } = explanation;
    let decisions = decisions
        .iter()
        .map(|decided| decision(&decided.report, decided.generation.number(), *now));
    pb::ExplainTargetResponse {
        outlook: outlook.to_string(),
        decisions: decisions.collect(),
        idle: idle.as_ref().map(|report| decision(report, 0, *now)),
        text: explanation.to_string(),
        troubles: troubles.iter().map(ToString::to_string).collect(),
    }
}

fn decision(report: &Report, generation: i64, now: Timestamp) -> pb::Decision {
    let age = now.since(report.decided_at).as_millis();
    pb::Decision {
        generation,
        age_ms: u64::try_from(age).unwrap_or(u64::MAX),
        report: Detailed(report).to_string(),
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

fn planned(situation: &Situation, decision: &Decision) -> pb::PlanTargetResponse {
    pb::PlanTargetResponse {
        generation: situation.assignment.generation().number(),
        changes: decision.next.is_some(),
        report: Detailed(&decision.report).to_string(),
    }
}
