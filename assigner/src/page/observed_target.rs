//! One target as this member observes it: the answers of the leader, the timeline and the history.

use std::sync::Arc;

use emberkeep_core::assigner::TargetState;
use emberkeep_core::target::TargetName;
use emberkeep_proto::pb;
use tokio::time::Instant;

use super::history::{History, SAMPLE_INTERVAL, Sample};
use super::key_bands::BAND_COUNT_MAX;
use super::leader_admin::{AnyAdminClient, LeaderAdmin};
use super::page_error::PageError;
use super::pod_rows::{PodRow, pod_rows};
use super::questions::{AnswerVerdict, QuestionInputs, worst};
use super::replicated_state::{replicated_activity, replicated_key_space};
use super::target_view::{TargetFacts, TargetView};
use super::timeline::IncidentTimeline;

/// What is remembered of a target between observations.
#[derive(Debug, Default)]
pub(super) struct ObservedTarget {
    timeline: IncidentTimeline,
    history: History,
    /// The worst answer of the last observation.
    pub(super) verdict: Option<AnswerVerdict>,
}

/// The request for one observation.
pub(super) struct Observation {
    pub(super) name: TargetName,
    pub(super) state: Arc<TargetState>,
    /// Whether somebody watches the target.
    pub(super) is_viewed: bool,
    /// The last known incident.
    pub(super) after: u64,
}

/// The leader's answers, or what is known without them.
pub(super) struct ObservedAnswers {
    activity: pb::DescribeActivityResponse,
    incidents: pb::ListIncidentsResponse,
    key_space: Option<pb::DescribeKeySpaceResponse>,
    problem: Option<PageError>,
}

impl Observation {
    /// Asks the leader; without an answer, reads the replicated state of this member.
    pub(super) async fn answers(&self, admin: &LeaderAdmin) -> ObservedAnswers {
        match self.asked(admin).await {
            Ok(answers) => answers,
            Err(problem) => ObservedAnswers {
                activity: replicated_activity(&self.state),
                incidents: pb::ListIncidentsResponse::default(),
                key_space: self
                    .is_viewed
                    .then(|| replicated_key_space(&self.state, BAND_COUNT_MAX)),
                problem: Some(problem),
            },
        }
    }

    async fn asked(&self, admin: &LeaderAdmin) -> Result<ObservedAnswers, PageError> {
        let target = || self.name.as_str().to_owned();
        let request = pb::DescribeActivityRequest { target: target() };
        let activity = admin.ask(async move |mut leader: AnyAdminClient| leader.describe_activity(request).await);
        let incidents = incidents_after(admin, &self.name, self.after);
        let key_space = async {
            if !self.is_viewed {
                return Ok(None);
            }
            let request = pb::DescribeKeySpaceRequest {
                target: target(),
                band_count: BAND_COUNT_MAX,
            };
            let answer = admin.ask(async move |mut leader: AnyAdminClient| leader.describe_key_space(request).await);
            answer.await.map(Some)
        };
        let (activity, incidents, key_space) = tokio::try_join!(activity, incidents, key_space)?;
        Ok(ObservedAnswers {
            activity,
            incidents,
            key_space,
            problem: None,
        })
    }
}

impl ObservedAnswers {
    /// Whether a leader gave them.
    pub(super) const fn has_leader(&self) -> bool {
        self.problem.is_none()
    }
}

/// What has happened since the incident with this number.
pub(super) async fn incidents_after(
    admin: &LeaderAdmin,
    target: &TargetName,
    after: u64,
) -> Result<pb::ListIncidentsResponse, PageError> {
    let request = pb::ListIncidentsRequest {
        target: target.as_str().to_owned(),
        after,
    };
    admin
        .ask(async move |mut leader: AnyAdminClient| leader.list_incidents(request).await)
        .await
}

impl ObservedTarget {
    /// The number of the last known incident.
    pub(super) const fn after(&self) -> u64 {
        self.timeline.after()
    }

    /// Whether a sample of the history is due.
    pub(super) fn is_sample_due(&self, now: Instant) -> bool {
        self.history.is_due(now)
    }

    /// Records the incidents of an observation. If another leader answered, the timeline continues with its first one.
    pub(super) async fn record_incidents(
        &mut self,
        observation: &Observation,
        answers: &mut ObservedAnswers,
        admin: &LeaderAdmin,
    ) {
        if answers.problem.is_some() {
            return;
        }
        let incidents = std::mem::take(&mut answers.incidents);
        if self.timeline.record(incidents, Instant::now()) {
            return;
        }
        if let Ok(incidents) = incidents_after(admin, &observation.name, self.after()).await {
            self.timeline.record(incidents, Instant::now());
        }
    }

    /// Records an observation; returns the view and all pods if somebody watches the target.
    pub(super) fn record(
        &mut self,
        observation: &Observation,
        answers: &ObservedAnswers,
        now: Instant,
    ) -> Option<(TargetView, Vec<PodRow>)> {
        let activity = &answers.activity;
        let rows = pod_rows(activity, &observation.state);
        let questions = QuestionInputs {
            state: &observation.state,
            activity,
            rows: &rows,
            timeline: &self.timeline,
            is_led: answers.problem.is_none(),
            now,
        };
        self.verdict = Some(worst(&questions.answers()));
        if answers.problem.is_none() && self.history.is_due(now) {
            self.history.push(self.sample(activity.move_count, &rows, now), now);
        }
        let facts = TargetFacts {
            name: &observation.name,
            state: &observation.state,
            activity,
            key_space: answers.key_space.as_ref()?,
            rows: &rows,
            problem: answers.problem.as_ref().map(ToString::to_string),
            timeline: &self.timeline,
            history: &self.history,
            now,
        };
        Some((facts.view(), rows))
    }

    fn sample(&self, moving_count: u64, rows: &[PodRow], now: Instant) -> Sample {
        // What was decided before the first sample is in the timeline, and not churn of the interval before it.
        let since = self.history.newest_age(now).unwrap_or(SAMPLE_INTERVAL);
        let churn = self.timeline.churn_within(since, now);
        Sample {
            balance_thousandths: rows.iter().filter_map(|row| row.relative_thousandths).max(),
            churn,
            moving_count,
        }
    }
}
