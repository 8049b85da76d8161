//! The harness of the stories: a brain, a replicated state and a clock.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::assigner::*;
use crate::assignment::Assignment;
use crate::brain::Stepper;
use crate::keyspace::Slice;
use crate::pod::fixtures::pod;
use crate::pod::{Pod, PodPhase};
use crate::rate::Rate;
use crate::target::TargetName;
use crate::time::Timestamp;
use crate::warmth::Warmth;

/// A brain whose proposals are applied at once.
pub(super) struct TargetStory {
    pub(super) stepper: Stepper<TargetBrain>,
    pub(super) cluster: ClusterState,
    pub(super) now: Timestamp,
    /// Its probes, permitted exits and closed sessions.
    pub(super) actions: Vec<TargetAction>,
    /// Its grants, as text.
    pub(super) granted: Vec<String>,
    /// The slices that each session was last ordered to warm up.
    pub(super) ordered: BTreeMap<u64, Vec<Slice>>,
    /// Whether ordered slices are warm by the next heartbeat, or never.
    pub(super) warms_up: bool,
    /// As of its last alert.
    pub(super) alarm: Alarm,
    /// The outcome of leadership checks; `None` if they never end.
    pub(super) leads: Option<bool>,
}

pub(super) fn target() -> TargetName {
    TargetName::try_new("profiles").unwrap()
}

impl TargetStory {
    pub(super) fn new() -> Self {
        let mut cluster = ClusterState::default();
        let settings = TargetSettings::default();
        let created = cluster.apply(&Change {
            target: target(),
            kind: ChangeKind::CreateTarget { settings },
        });
        assert_eq!(created, Applied::Done);
        Self::with_new_leader(cluster, Timestamp::ZERO)
    }

    /// A new leader with the replicated state of the last one.
    pub(super) fn with_new_leader(cluster: ClusterState, now: Timestamp) -> Self {
        Self {
            stepper: Stepper::new(TargetBrain::new(cluster.target(&target()).unwrap().clone(), now)),
            cluster,
            now,
            actions: Vec::new(),
            granted: Vec::new(),
            ordered: BTreeMap::new(),
            warms_up: true,
            alarm: Alarm::default(),
            leads: Some(true),
        }
    }

    pub(super) fn step(&mut self, event: TargetEvent) {
        let mut next = Some(event);
        while let Some(event) = next {
            for action in self.stepper.step(event, self.now) {
                match action {
                    TargetAction::Propose(kind) => {
                        let applied = self.applied(kind);
                        self.stepper.on_performed(Some(applied));
                    }
                    TargetAction::ConfirmLeadership => {
                        let checked = self.leads.map(|leads| TargetEvent::LeadershipChecked { leads });
                        self.stepper.on_performed(checked);
                    }
                    TargetAction::Alert(alarm) => self.alarm = alarm,
                    TargetAction::Explain(_) | TargetAction::ExplainIdle(_) | TargetAction::Reply { .. } => {}
                    TargetAction::Grant { session, rate } => self.granted.push(match rate {
                        Some(rate) => format!("{} to {}", rate.milli() / 1_000, session.0),
                        None => format!("any to {}", session.0),
                    }),
                    TargetAction::Warm { session, slices } => drop(self.ordered.insert(session.0, slices)),
                    other => self.actions.push(other),
                }
            }
            next = self.stepper.next_outcome();
        }
    }

    pub(super) fn applied(&mut self, kind: ChangeKind) -> TargetEvent {
        let target = target();
        let outcome = self.cluster.apply(&Change { target, kind });
        TargetEvent::ProposalEnded {
            outcome: Some(outcome),
            state: self.state(),
        }
    }

    pub(super) fn state(&self) -> std::sync::Arc<TargetState> {
        self.cluster.target(&target()).unwrap().clone()
    }

    pub(super) fn assignment(&self) -> std::sync::Arc<Assignment> {
        self.state().assignment.clone()
    }

    pub(super) fn wake_at(&self) -> Timestamp {
        self.stepper.wake_at()
    }

    /// Advances time; wakes the brain at each `wake_at`.
    pub(super) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while self.wake_at() <= end {
            self.now = self.now.max(self.wake_at());
            self.step(TargetEvent::Woke);
        }
        self.now = end;
    }

    /// Advances time while these sessions send heartbeats.
    pub(super) fn pass_with_heartbeats(&mut self, time: Duration, sessions: impl Iterator<Item = u64> + Clone) {
        let interval = Duration::from_millis(500);
        for _ in 0..time.as_millis() / interval.as_millis() {
            self.pass(interval);
            sessions
                .clone()
                .for_each(|session| self.heartbeat(session, PodPhase::Ready));
        }
    }

    pub(super) fn explanation(&mut self) -> Explanation {
        match self.reply_to(Query::Explain { last: 10 }) {
            QueryReply::Explanation(explanation) => explanation,
            other => panic!("the reply to another query: {other:?}"),
        }
    }

    pub(super) fn inputs(&mut self) -> DecisionInputs {
        match self.reply_to(Query::DecisionInputs) {
            QueryReply::DecisionInputs(inputs) => *inputs,
            other => panic!("the reply to another query: {other:?}"),
        }
    }

    pub(super) fn reply_to(&mut self, query: Query) -> QueryReply {
        let id = QueryId(3);
        let actions = self.stepper.step(TargetEvent::QueryReceived { id, query }, self.now);
        match actions.into_iter().next() {
            Some(TargetAction::Reply { id: QueryId(3), reply }) => reply,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn open(&mut self, session: u64, pod: Pod) {
        let session = SessionId(session);
        self.step(TargetEvent::SessionOpened { session, pod });
    }

    pub(super) fn heartbeat(&mut self, session: u64, phase: PodPhase) {
        self.heartbeat_with_demand(session, phase, 0);
    }

    /// A heartbeat with a demand of so many object store requests a second.
    pub(super) fn heartbeat_with_demand(&mut self, session: u64, phase: PodPhase, requests: u32) {
        let warmth = Warmth {
            is_complete: self.warms_up,
            ..Warmth::default()
        };
        let ordered = self.ordered.get(&session).into_iter().flatten();
        let warming = ordered.map(|slice| (slice.clone(), warmth)).collect();
        self.step(TargetEvent::HeartbeatReceived {
            session: SessionId(session),
            phase,
            store_demand: Rate::per_second(requests),
            warming,
        });
    }

    /// Sets the limit on object store requests a second.
    pub(super) fn limit_store_requests(&mut self, requests_per_second: Option<u32>) {
        let mut settings = TargetSettings::default();
        settings.store.requests_per_second = requests_per_second;
        let configured = self.applied(ChangeKind::ConfigureTarget { settings });
        self.step(configured);
    }

    pub(super) fn probed(&mut self, pod: &Pod, outcome: ProbeOutcome) {
        self.step(TargetEvent::Probed {
            pod: pod.name.clone(),
            incarnation: pod.incarnation,
            outcome,
        });
    }

    /// A clerk could not reach the pod.
    pub(super) fn report_unreachable(&mut self, pod: &Pod) {
        self.step(TargetEvent::UnreachableReported {
            pod: pod.name.clone(),
            incarnation: pod.incarnation,
        });
    }

    /// `count` pods that have started and own all slices.
    pub(super) fn with_pods(count: u64) -> Self {
        let mut story = Self::new();
        (0..count).for_each(|number| story.open(number, pod(number)));
        story.pass_with_heartbeats(Duration::from_secs(1), 0..count);
        story.actions.clear();
        story
    }

    pub(super) fn serving_count(&self, pod: &Pod) -> usize {
        let assignment = self.assignment();
        let index = assignment.index_of(&pod.name);
        index.map_or(0, |index| {
            assignment
                .shares_of(index)
                .filter(|(_, _, phase)| phase.is_routed_to())
                .count()
        })
    }
}
