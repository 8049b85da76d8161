//! The brain of the assigner as a story: what happens when, and what it does about it.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::assignment::{Assignment, Phase};
use crate::balancer::Cause;
use crate::brain::{Brain, Output};
use crate::pod::{Incarnation, Pod, PodAddress, PodName, PodPhase, Weight};
use crate::target::TargetName;
use crate::time::Timestamp;

/// A brain whose proposals take effect at once.
struct Story {
    brain: TargetBrain,
    cluster: ClusterState,
    now: Timestamp,
    wake_at: Timestamp,
    /// What it wanted beside proposals, since last asked.
    wanted: Vec<Action>,
}

fn target() -> TargetName {
    TargetName::try_new("profiles").unwrap()
}

fn pod(number: u64, life: u128) -> Pod {
    Pod {
        name: PodName::try_new(&format!("pod-{number}")).unwrap(),
        incarnation: Incarnation(life),
        address: PodAddress::try_new(&format!("127.0.0.1:{}", 8_000 + number)).unwrap(),
        zone: "".into(),
        weight: Weight::ONE,
        memory_capacity: None,
    }
}

impl Story {
    fn new() -> Self {
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
    fn led_anew(cluster: ClusterState, now: Timestamp) -> Self {
        Self {
            brain: TargetBrain::new(cluster.target(&target()).unwrap().clone(), now),
            cluster,
            now,
            wake_at: now,
            wanted: Vec::new(),
        }
    }

    fn tell(&mut self, event: Event) {
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            let Output { actions, wake_at } = self.brain.step(event, self.now);
            self.wake_at = wake_at;
            for action in actions {
                match action {
                    Action::Propose(kind) => events.push(self.applied(kind)),
                    Action::Explain(_) | Action::Answer { .. } => {}
                    other => self.wanted.push(other),
                }
            }
        }
    }

    fn applied(&mut self, kind: ChangeKind) -> Event {
        let target = target();
        let outcome = self.cluster.apply(&Change { target, kind });
        Event::ProposalEnded {
            outcome: Some(outcome),
            state: self.state(),
        }
    }

    fn state(&self) -> std::sync::Arc<TargetState> {
        self.cluster.target(&target()).unwrap().clone()
    }

    fn assignment(&self) -> std::sync::Arc<Assignment> {
        self.state().assignment.clone()
    }

    /// Lets time pass; the brain is woken whenever it asked for it.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while self.wake_at <= end {
            self.now = self.now.max(self.wake_at);
            self.tell(Event::Woke);
        }
        self.now = end;
    }

    /// Lets time pass in which these pods send their heartbeats.
    fn pass_with_heartbeats(&mut self, time: Duration, sessions: impl Iterator<Item = u64> + Clone) {
        let beat = Duration::from_millis(500);
        for _ in 0..time.as_millis() / beat.as_millis() {
            self.pass(beat);
            sessions.clone().for_each(|session| self.beat(session, PodPhase::Ready));
        }
    }

    fn explanation(&mut self) -> Explanation {
        match self.answer(Question::Explain { last: 10 }) {
            Answer::Explanation(explanation) => explanation,
            Answer::Situation(_) => unreachable!("that was not asked"),
        }
    }

    fn situation(&mut self) -> Situation {
        match self.answer(Question::Situation) {
            Answer::Situation(situation) => *situation,
            Answer::Explanation(_) => unreachable!("that was not asked"),
        }
    }

    fn answer(&mut self, question: Question) -> Answer {
        let id = QuestionId(3);
        let output = self.brain.step(Event::Asked { id, question }, self.now);
        match output.actions.into_iter().next() {
            Some(Action::Answer {
                id: QuestionId(3),
                answer,
            }) => answer,
            other => panic!("{other:?}"),
        }
    }

    fn open(&mut self, session: u64, pod: Pod) {
        let session = SessionId(session);
        self.tell(Event::SessionOpened { session, pod });
    }

    fn beat(&mut self, session: u64, phase: PodPhase) {
        self.tell(Event::HeartbeatReceived {
            session: SessionId(session),
            phase,
        });
    }

    fn probed(&mut self, pod: &Pod, outcome: ProbeOutcome) {
        self.tell(Event::Probed {
            pod: pod.name.clone(),
            incarnation: pod.incarnation,
            outcome,
        });
    }

    /// `count` pods that have started and share the slices.
    fn with_pods(count: u64) -> Self {
        let mut story = Self::new();
        (0..count).for_each(|number| story.open(number, pod(number, 0)));
        story.pass_with_heartbeats(Duration::from_secs(1), 0..count);
        story.wanted.clear();
        story
    }

    fn serving_count(&self, pod: &Pod) -> usize {
        let assignment = self.assignment();
        let index = assignment.index_of(&pod.name);
        index.map_or(0, |index| {
            assignment
                .shares_of(index)
                .filter(|(_, _, phase)| *phase == Phase::Serving)
                .count()
        })
    }
}

#[test]
fn pods_that_start_together_share_one_assignment() {
    let story = Story::with_pods(3);
    assert_eq!(story.assignment().generation().number(), 1);
    assert_eq!(story.assignment().pods().len(), 3);
}

#[test]
fn a_killed_pod_is_probed_once_and_its_slices_move_at_once() {
    let mut story = Story::with_pods(3);
    story.tell(Event::SessionClosed { session: SessionId(1) });
    assert_eq!(story.wanted, [Action::Probe(pod(1, 0))]);
    story.probed(&pod(1, 0), ProbeOutcome::Refused);
    assert_eq!(story.serving_count(&pod(1, 0)), 0);
    assert_eq!(story.serving_count(&pod(0, 0)) + story.serving_count(&pod(2, 0)), 128);
    assert_eq!(story.assignment().generation().number(), 2);
}

#[test]
fn a_pod_that_stops_keeps_its_slices_until_others_have_them_and_then_may_exit() {
    let mut story = Story::with_pods(2);
    story.beat(1, PodPhase::Draining);
    assert_eq!(story.serving_count(&pod(0, 0)), 64);
    let leaving = story.assignment().index_of(&pod(1, 0).name).unwrap();
    assert_eq!(
        story.assignment().shares_of(leaving).count(),
        32,
        "it answers late requests"
    );
    assert_eq!(story.wanted, []);
    story.pass_with_heartbeats(Duration::from_secs(6), 0..1);
    assert!(
        story.wanted.contains(&Action::LetExit(SessionId(1))),
        "{:?}",
        story.wanted
    );
}

#[test]
fn a_new_life_of_a_pod_takes_over_at_once() {
    let mut story = Story::with_pods(3);
    story.open(9, pod(1, 5));
    assert_eq!(story.wanted, [Action::Close(SessionId(1))]);
    assert_eq!(story.serving_count(&pod(1, 5)), 43);
    assert_eq!(story.assignment().generation().number(), 2);
    story.tell(Event::SessionClosed { session: SessionId(1) });
    assert_eq!(
        story.assignment().generation().number(),
        2,
        "the end of the old session says nothing about the new life"
    );
}

#[test]
fn a_new_leader_moves_nothing_before_the_pods_have_had_time_to_come() {
    let before = Story::with_pods(3);
    let mut story = Story::led_anew(before.cluster, before.now);
    story.pass(Duration::from_millis(2_900));
    assert_eq!(story.assignment().generation().number(), 1);
    assert_eq!(story.wanted, [], "nobody is suspected yet");
    (0..2).for_each(|number| story.open(number, pod(number, 0)));
    story.pass_with_heartbeats(Duration::from_secs(1), 0..2);
    assert_eq!(story.wanted, [Action::Probe(pod(2, 0))]);
    story.probed(&pod(2, 0), ProbeOutcome::Refused);
    assert_eq!(story.assignment().pods().len(), 2);
}

#[test]
fn a_pod_that_was_declared_dead_and_is_not_registers_again() {
    let mut story = Story::with_pods(2);
    for _ in 0..4 {
        story.pass_with_heartbeats(Duration::from_secs(2), 0..1);
        story.probed(&pod(1, 0), ProbeOutcome::Silent);
    }
    assert_eq!(story.serving_count(&pod(1, 0)), 0);
    assert!(story.wanted.contains(&Action::Close(SessionId(1))));
    story.open(7, pod(1, 0));
    story.pass_with_heartbeats(Duration::from_secs(1), [0, 7].into_iter());
    assert_eq!(story.serving_count(&pod(1, 0)), 32);
}

#[test]
fn nothing_changes_while_frozen() {
    let mut story = Story::with_pods(2);
    let frozen = story.applied(ChangeKind::Freeze { is_frozen: true });
    story.tell(frozen);
    story.tell(Event::SessionClosed { session: SessionId(1) });
    story.probed(&pod(1, 0), ProbeOutcome::Refused);
    story.pass_with_heartbeats(Duration::from_secs(5), 0..1);
    assert_eq!(story.assignment().generation().number(), 1);
    let released = story.applied(ChangeKind::Freeze { is_frozen: false });
    story.tell(released);
    assert_eq!(story.serving_count(&pod(0, 0)), 64);
}

#[test]
fn a_proposal_that_got_lost_is_made_again() {
    let mut story = Story::new();
    let opened = Event::SessionOpened {
        session: SessionId(0),
        pod: pod(0, 0),
    };
    let lost = story.brain.step(opened, story.now);
    assert_eq!(
        lost.actions,
        [Action::Propose(ChangeKind::RegisterPod { pod: pod(0, 0) })]
    );
    let ended = Event::ProposalEnded {
        outcome: None,
        state: story.state(),
    };
    story.tell(ended);
    assert!(story.state().pods.is_empty());
    story.pass(Duration::from_millis(200));
    assert_eq!(story.state().pods.len(), 1);
}

#[test]
fn decisions_are_explained_with_what_keeps_the_next() {
    let mut story = Story::with_pods(3);
    story.tell(Event::SessionClosed { session: SessionId(1) });
    story.probed(&pod(1, 0), ProbeOutcome::Refused);
    let Explanation { outlook, decisions, .. } = story.explanation();
    let generations: Vec<_> = decisions.iter().map(|decided| decided.generation.number()).collect();
    assert_eq!(generations, [1, 2]);
    let moved = &decisions[1].report.moves;
    assert!(
        moved.iter().all(|moved| moved.cause == Cause::Missing) && moved.len() == 43,
        "{moved:?}"
    );
    assert_eq!(
        outlook.to_string(),
        "nothing is decided: pods came or went, and the load has to be measured anew; the next look is in 15.0 s at the latest"
    );

    let frozen = story.applied(ChangeKind::Freeze { is_frozen: true });
    story.tell(frozen);
    let outlook = story.explanation().outlook.to_string();
    assert_eq!(outlook, "nothing is decided: an operator has frozen the target");
}

#[test]
fn what_would_be_done_without_a_pod_is_told_and_not_done() {
    let mut story = Story::with_pods(3);
    let before = story.state();
    let situation = story.situation();
    assert_eq!(situation.decide().next, None, "all is well");
    let without = situation.without(&pod(1, 0).name).decide();
    assert_eq!(without.report.moves.len(), 43);
    assert_eq!(without.next.map(|next| next.pods().len()), Some(2));
    assert_eq!(story.state(), before);
}

#[derive(Debug, Clone)]
enum Chapter {
    Open(u64, u128),
    Beat(u64, PodPhase),
    Close(u64),
    Probed(u64, u128, ProbeOutcome),
    Pass(u64),
}

fn chapter() -> impl Strategy<Value = Chapter> {
    let outcome = prop_oneof![
        Just(ProbeOutcome::Refused),
        Just(ProbeOutcome::Silent),
        Just(ProbeOutcome::Answered)
    ];
    let phase = prop_oneof![
        Just(PodPhase::Ready),
        Just(PodPhase::Starting),
        Just(PodPhase::Draining)
    ];
    prop_oneof![
        (0_u64..4, 0_u128..2).prop_map(|(pod, life)| Chapter::Open(pod, life)),
        (0_u64..4, phase).prop_map(|(session, phase)| Chapter::Beat(session, phase)),
        (0_u64..4).prop_map(Chapter::Close),
        (0_u64..4, 0_u128..2, outcome).prop_map(|(pod, life, outcome)| Chapter::Probed(pod, life, outcome)),
        (1_u64..8_000).prop_map(Chapter::Pass),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_happens_the_brain_never_spins_and_never_assigns_to_strangers(
        chapters in prop::collection::vec(chapter(), 1..40),
    ) {
        let mut story = Story::new();
        for chapter in chapters {
            match chapter {
                Chapter::Open(number, life) => story.open(number, pod(number, life)),
                Chapter::Beat(session, phase) => story.beat(session, phase),
                Chapter::Close(session) => story.tell(Event::SessionClosed { session: SessionId(session) }),
                Chapter::Probed(number, life, outcome) => story.probed(&pod(number, life), outcome),
                Chapter::Pass(millis) => story.pass(Duration::from_millis(millis)),
            }
            for _ in 0..20 {
                if story.wake_at > story.now {
                    break;
                }
                story.tell(Event::Woke);
            }
            prop_assert!(story.wake_at > story.now, "it wants to be woken at once, again and again");
            let state = story.state();
            for assigned in state.assignment.pods() {
                prop_assert!(state.pods.contains_key(&assigned.name));
            }
        }
    }
}
