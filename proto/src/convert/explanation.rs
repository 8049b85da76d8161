//! Explanations of subjects, incidents and the activity of a target, to the wire only.

use std::time::Duration;

use emberkeep_core::assigner::{
    AppliedDecision, ExplainedReplica, Incident, IncidentKind, MoveActivity, PastMoveOfSlice, PodActivity,
    PodExplanation, SliceExplanation, Subject, SubjectExplanation, TargetActivity, WarmingProgress,
};
use emberkeep_core::assignment::Phase;
use emberkeep_core::balancer::DecisionReport;
use emberkeep_core::keyspace::SliceKey;
use emberkeep_core::load::{Demand, Load};
use emberkeep_core::pod::PodName;
use emberkeep_core::target::KeyMode;
use emberkeep_core::time::Timestamp;

use super::InvalidMessage;
use super::invalid_message::required;
use crate::pb;

/// The most moves of one decision in an incident.
const MOVES_OF_DECISION_MAX: usize = 20;
/// The most moves in progress in an activity.
const MOVES_MAX: usize = 200;

/// The subject of a request. A name is that of a pod if `is_pod`, otherwise an application key.
///
/// # Errors
/// When no subject is set, or the key, the range or the pod's name is invalid.
pub fn asked_subject(
    wire: Option<pb::explain_subject_request::Subject>,
    mode: KeyMode,
    is_pod: impl Fn(&PodName) -> bool,
) -> Result<Subject, InvalidMessage> {
    use pb::explain_subject_request::Subject as Wire;
    let pod = |name: &str| PodName::try_new(name).map_err(|error| InvalidMessage::new("pod", error));
    let key = |key: &[u8]| {
        let key = SliceKey::of(key, mode).map_err(|error| InvalidMessage::new("key", error))?;
        Ok(Subject::Key(key))
    };
    match wire {
        None => Err(InvalidMessage::missing("subject")),
        Some(Wire::Pod(name)) => Ok(Subject::Pod(pod(&name)?)),
        Some(Wire::Name(name)) => match pod(&name).ok().filter(is_pod) {
            Some(pod) => Ok(Subject::Pod(pod)),
            None => key(name.as_bytes()),
        },
        Some(Wire::Keys(keys)) => match keys.keys {
            Some(pb::keys::Keys::Key(bytes)) => key(&bytes),
            Some(pb::keys::Keys::Slice(slice)) => Ok(Subject::Slice(required(Some(slice), "keys.slice")?)),
            None => Err(InvalidMessage::missing("keys")),
        },
    }
}

impl From<&SubjectExplanation> for pb::ExplainSubjectResponse {
    fn from(explanation: &SubjectExplanation) -> Self {
        use pb::explain_subject_response::Explained;
        Self {
            text: explanation.to_string(),
            explained: Some(match explanation {
                SubjectExplanation::Slice(slice) => Explained::Slice(slice.as_ref().into()),
                SubjectExplanation::Pod(pod) => Explained::Pod(pod.as_ref().into()),
            }),
        }
    }
}

impl From<&SliceExplanation> for pb::SliceExplanation {
    fn from(explanation: &SliceExplanation) -> Self {
        Self {
            key: explanation.key.as_ref().map(SliceKey::to_bytes),
            slice: Some((&explanation.slice).into()),
            generation: explanation.generation.number(),
            epoch: explanation.epoch.number(),
            epoch_age_ms: explanation.epoch_age.map(millis),
            replicas: explanation.replicas.iter().map(replica).collect(),
            last_move: explanation.last_move.as_ref().map(past_move),
            load_milli: explanation.demand.now.milli(),
            steady_load_milli: explanation.demand.steady.milli(),
            memory_bytes: explanation.demand.memory,
            pod_share_thousandths: explanation.pod_share,
            hottest: explanation.hottest.iter().map(hot_key).collect(),
            prospects: explanation.prospects.iter().map(ToString::to_string).collect(),
        }
    }
}

impl From<&PodExplanation> for pb::PodExplanation {
    fn from(explanation: &PodExplanation) -> Self {
        let count = |phase| explanation.replica_count(phase) as u64;
        let band = explanation.band;
        let slices = explanation.hottest_slices.iter();
        Self {
            pod: explanation.pod.as_str().to_owned(),
            condition: explanation.condition.as_str().to_owned(),
            serving_count: count(Phase::Serving) + count(Phase::Yielding),
            warming_count: count(Phase::Warming),
            yielding_count: count(Phase::Yielding),
            leaving_count: count(Phase::Leaving),
            load_milli: explanation.demand.now.milli(),
            steady_load_milli: explanation.demand.steady.milli(),
            capacity_milli: explanation.capacity.milli(),
            memory_bytes: explanation.demand.memory,
            memory_capacity_bytes: explanation.memory_capacity,
            planned_load_milli: band.map(|band| band.planned.milli()),
            band_lower_milli: band.map(|band| band.lower.milli()),
            band_upper_milli: band.map(|band| band.upper.milli()),
            hottest_slices: slices
                .map(|(slice, load)| pb::HotSlice {
                    slice: Some(slice.into()),
                    load_milli: load.milli(),
                })
                .collect(),
            hottest_keys: explanation.hottest_keys.iter().map(hot_key).collect(),
            last_moves: explanation.last_moves.iter().map(past_move).collect(),
            prospects: explanation.prospects.iter().map(ToString::to_string).collect(),
        }
    }
}

/// The wire form of an incident that is this old at `now`.
#[must_use]
pub fn wire_incident(incident: &Incident, now: Timestamp) -> pb::Incident {
    let decided = decision_of(incident);
    let report = decided.map(|decided| decided.report.as_ref());
    pb::Incident {
        number: incident.number,
        age_ms: millis(now.since(incident.at)),
        kind: incident.kind.as_str().to_owned(),
        text: incident.kind.to_string(),
        moves: report.map(first_moves).unwrap_or_default(),
        generation: decided.map(|decided| decided.generation.number()),
        forced_millionths: report.map_or(0, |report| moved_millionths(report, false)),
        voluntary_millionths: report.map_or(0, |report| moved_millionths(report, true)),
        is_failure: incident.kind.is_failure(),
    }
}

/// The part of all load that a decision moved, for balance or because it had to.
fn moved_millionths(report: &DecisionReport, is_voluntary: bool) -> u64 {
    let totals = report.totals().into_iter();
    let moved: Load = totals
        .filter(|(cause, _)| cause.is_voluntary() == is_voluntary)
        .map(|(_, total)| total.load)
        .sum();
    let millionths = u128::from(moved.milli()) * 1_000_000 / u128::from(report.total.milli().max(1));
    u64::try_from(millionths).unwrap_or(u64::MAX)
}

fn decision_of(incident: &Incident) -> Option<&AppliedDecision> {
    match &incident.kind {
        IncidentKind::Decided(decided) => Some(decided),
        IncidentKind::LeaderStarted
        | IncidentKind::PodJoined { .. }
        | IncidentKind::PodRestarted { .. }
        | IncidentKind::PodDraining { .. }
        | IncidentKind::PodDied { .. }
        | IncidentKind::PodLeft { .. }
        | IncidentKind::Frozen { .. }
        | IncidentKind::Poisoned { .. }
        | IncidentKind::Released { .. }
        | IncidentKind::Configured
        | IncidentKind::MassFailure { .. }
        | IncidentKind::HeldBack { .. } => None,
    }
}

/// The first moves of a decision, one a line.
fn first_moves(report: &DecisionReport) -> Vec<String> {
    let shown = report.moves.iter().take(MOVES_OF_DECISION_MAX);
    let more = report.move_count() - shown.len();
    let more = (more > 0).then(|| format!("and {more} more"));
    shown.map(ToString::to_string).chain(more).collect()
}

impl From<&TargetActivity> for pb::DescribeActivityResponse {
    /// Without the facts about the leader and its status.
    fn from(activity: &TargetActivity) -> Self {
        let TargetActivity { summary, pods, moves } = activity;
        let planned = |name: &PodName| summary.pods.get(name).map(|load| load.planned.milli());
        Self {
            total_milli: summary.total.milli(),
            band_lower_milli: summary.band.lower.milli(),
            band_upper_milli: summary.band.upper.milli(),
            budget_used_thousandths: summary.move_budget_used,
            pods: pods
                .iter()
                .map(|(name, pod)| pod_activity(name, pod, planned(name)))
                .collect(),
            moves: moves.iter().take(MOVES_MAX).map(move_activity).collect(),
            move_count: moves.len() as u64,
            ..Self::default()
        }
    }
}

fn pod_activity(name: &PodName, pod: &PodActivity, planned_load_milli: Option<u64>) -> pb::PodActivity {
    let count = |phase| pod.replica_count(phase) as u64;
    pb::PodActivity {
        pod: name.as_str().to_owned(),
        condition: pod.condition.as_str().to_owned(),
        load_milli: pod.load.milli(),
        capacity_milli: pod.capacity.milli(),
        planned_load_milli,
        serving_count: count(Phase::Serving) + count(Phase::Yielding),
        warming_count: count(Phase::Warming),
        yielding_count: count(Phase::Yielding),
        leaving_count: count(Phase::Leaving),
        warm_share_thousandths: pod.warm_share,
        memory_bytes: pod.memory,
        memory_capacity_bytes: pod.memory_capacity,
    }
}

fn move_activity(moving: &MoveActivity) -> pb::MoveActivity {
    pb::MoveActivity {
        slice: Some((&moving.slice).into()),
        to: moving.to.as_str().to_owned(),
        warming: Some(progress(&moving.warming)),
    }
}

fn replica(replica: &ExplainedReplica) -> pb::ExplainedReplica {
    pb::ExplainedReplica {
        pod: replica.pod.as_str().to_owned(),
        phase: pb::Phase::from(replica.phase).into(),
        warming: replica.warming.as_ref().map(progress),
    }
}

fn progress(warming: &WarmingProgress) -> pb::WarmingProgress {
    pb::WarmingProgress {
        is_queued: warming.is_queued,
        heat_share_thousandths: warming.heat_share_thousandths,
        source: warming.source.as_ref().map(|pod| pod.as_str().to_owned()),
    }
}

fn past_move(past: &PastMoveOfSlice) -> pb::PastMove {
    pb::PastMove {
        generation: past.generation.number(),
        age_ms: millis(past.age),
        slice: Some((&past.moved.slice).into()),
        from: past.moved.from.as_ref().map(|pod| pod.as_str().to_owned()),
        to: past.moved.to.as_str().to_owned(),
        load_milli: past.moved.load.milli(),
        cause: past.moved.cause.as_str().to_owned(),
        decision: past.decision.clone(),
    }
}

fn hot_key((key, demand): &(SliceKey, Demand)) -> pb::HotKey {
    pb::HotKey {
        slice_key: key.to_bytes(),
        load_milli: demand.now.milli(),
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
