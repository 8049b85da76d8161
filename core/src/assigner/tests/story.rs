//! A brain in a story: what happens when, told by tests.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::assigner::*;
use crate::assignment::Assignment;
use crate::brain::{Brain, Output};
use crate::keyspace::Slice;
use crate::pod::fixtures::pod;
use crate::pod::{Pod, PodPhase};
use crate::rate::Rate;
use crate::target::TargetName;
use crate::time::Timestamp;
use crate::warmth::Warmth;

/// A brain whose proposals take effect at once.
pub(super) struct TargetStory {
    pub(super) brain: TargetBrain,
    pub(super) cluster: ClusterState,
    pub(super) now: Timestamp,
    pub(super) wake_at: Timestamp,
    /// What it wanted beside proposals and grants, since last asked.
    pub(super) wanted: Vec<TargetAction>,
    /// What it granted, in words, since last asked.
    pub(super) granted: Vec<String>,
    /// The slices that the pod of each session is to get ready.
    pub(super) to_warm: BTreeMap<u64, Vec<Slice>>,
    /// Whether pods get slices ready until their next heartbeat, or never.
    pub(super) gets_ready: bool,
    /// What it said last to be alerted on.
    pub(super) alarm: Alarm,
    /// What a quorum says when it is asked whether this member leads; `None` if it never answers.
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
        Self::led_anew(cluster, Timestamp::ZERO)
    }

    /// A new leader takes over what was replicated.
    pub(super) fn led_anew(cluster: ClusterState, now: Timestamp) -> Self {
        Self {
            brain: TargetBrain::new(cluster.target(&target()).unwrap().clone(), now),
            cluster,
            now,
            wake_at: now,
            wanted: Vec::new(),
            granted: Vec::new(),
            to_warm: BTreeMap::new(),
            gets_ready: true,
            alarm: Alarm::default(),
            leads: Some(true),
        }
    }

    pub(super) fn tell(&mut self, event: TargetEvent) {
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            let Output { actions, wake_at } = self.brain.step(event, self.now);
            self.wake_at = wake_at;
            for action in actions {
                match action {
                    TargetAction::Propose(kind) => events.push(self.applied(kind)),
                    TargetAction::ConfirmLeadership => {
                        events.extend(self.leads.map(|leads| TargetEvent::LeadershipChecked { leads }));
                    }
                    TargetAction::Alert(alarm) => self.alarm = alarm,
                    TargetAction::Explain(_) | TargetAction::Reply { .. } => {}
                    TargetAction::Grant { session, rate } => self.granted.push(match rate {
                        Some(rate) => format!("{} to {}", rate.milli() / 1_000, session.0),
                        None => format!("any to {}", session.0),
                    }),
                    TargetAction::Warm { session, slices } => drop(self.to_warm.insert(session.0, slices)),
                    other => self.wanted.push(other),
                }
            }
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

    /// Lets time pass; the brain is woken whenever it asked for it.
    pub(super) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while self.wake_at <= end {
            self.now = self.now.max(self.wake_at);
            self.tell(TargetEvent::Woke);
        }
        self.now = end;
    }

    /// Lets time pass in which these pods send their heartbeats.
    pub(super) fn pass_with_heartbeats(&mut self, time: Duration, sessions: impl Iterator<Item = u64> + Clone) {
        let beat = Duration::from_millis(500);
        for _ in 0..time.as_millis() / beat.as_millis() {
            self.pass(beat);
            sessions.clone().for_each(|session| self.beat(session, PodPhase::Ready));
        }
    }

    pub(super) fn explanation(&mut self) -> Explanation {
        match self.answer(Query::Explain { last: 10 }) {
            QueryReply::Explanation(explanation) => explanation,
            QueryReply::DecisionInputs(_) => unreachable!("that was not asked"),
        }
    }

    pub(super) fn inputs(&mut self) -> DecisionInputs {
        match self.answer(Query::DecisionInputs) {
            QueryReply::DecisionInputs(inputs) => *inputs,
            QueryReply::Explanation(_) => unreachable!("that was not asked"),
        }
    }

    pub(super) fn answer(&mut self, query: Query) -> QueryReply {
        let id = QueryId(3);
        let output = self.brain.step(TargetEvent::QueryReceived { id, query }, self.now);
        match output.actions.into_iter().next() {
            Some(TargetAction::Reply { id: QueryId(3), reply }) => reply,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn open(&mut self, session: u64, pod: Pod) {
        let session = SessionId(session);
        self.tell(TargetEvent::SessionOpened { session, pod });
    }

    pub(super) fn beat(&mut self, session: u64, phase: PodPhase) {
        self.beat_wanting(session, phase, 0);
    }

    /// A heartbeat of a pod that would make so many requests of the store a second.
    pub(super) fn beat_wanting(&mut self, session: u64, phase: PodPhase, requests: u32) {
        let warmth = Warmth {
            is_complete: self.gets_ready,
            ..Warmth::default()
        };
        let ordered = self.to_warm.get(&session).into_iter().flatten();
        let warming = ordered.map(|slice| (slice.clone(), warmth)).collect();
        self.tell(TargetEvent::HeartbeatReceived {
            session: SessionId(session),
            phase,
            store_demand: Rate::per_second(requests),
            warming,
        });
    }

    /// Limits how many requests of the store all pods together may make a second.
    pub(super) fn limit(&mut self, requests_per_second: Option<u32>) {
        let mut settings = TargetSettings::default();
        settings.store.requests_per_second = requests_per_second;
        let configured = self.applied(ChangeKind::ConfigureTarget { settings });
        self.tell(configured);
    }

    pub(super) fn probed(&mut self, pod: &Pod, outcome: ProbeOutcome) {
        self.tell(TargetEvent::Probed {
            pod: pod.name.clone(),
            incarnation: pod.incarnation,
            outcome,
        });
    }

    /// A clerk could not reach the pod.
    pub(super) fn reported(&mut self, pod: &Pod) {
        self.tell(TargetEvent::UnreachableReported {
            pod: pod.name.clone(),
            incarnation: pod.incarnation,
        });
    }

    /// `count` pods that have started and share the slices.
    pub(super) fn with_pods(count: u64) -> Self {
        let mut story = Self::new();
        (0..count).for_each(|number| story.open(number, pod(number)));
        story.pass_with_heartbeats(Duration::from_secs(1), 0..count);
        story.wanted.clear();
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
