//! Pods that join, drain, die and come back.

use std::time::Duration;

use super::story::TargetStory;
use crate::assigner::*;
use crate::pod::PodPhase;
use crate::pod::fixtures::{pod, pod_in};

#[test]
fn pods_that_start_together_share_one_assignment() {
    let story = TargetStory::with_pods(3);
    assert_eq!(story.assignment().generation().number(), 1);
    assert_eq!(story.assignment().pods().len(), 3);
}

#[test]
fn a_killed_pod_is_probed_once_and_its_slices_move_at_once() {
    let mut story = TargetStory::with_pods(3);
    story.step(TargetEvent::SessionClosed { session: SessionId(1) });
    assert_eq!(story.actions, [TargetAction::Probe(pod(1))]);
    story.probed(&pod(1), ProbeOutcome::Refused);
    assert_eq!(story.serving_count(&pod(1)), 0);
    assert_eq!(story.serving_count(&pod(0)) + story.serving_count(&pod(2)), 128);
    assert_eq!(story.assignment().generation().number(), 2);
}

#[test]
fn a_draining_pod_keeps_its_slices_until_others_own_them_and_then_may_exit() {
    let mut story = TargetStory::with_pods(2);
    story.heartbeat(1, PodPhase::Draining);
    assert_eq!(story.serving_count(&pod(1)), 32, "no other pod is warm");
    story.pass_with_heartbeats(Duration::from_millis(4_500), 0..2);
    assert_eq!(story.serving_count(&pod(0)), 64);
    let leaving = story.assignment().index_of(&pod(1).name).unwrap();
    assert_eq!(
        story.assignment().shares_of(leaving).count(),
        32,
        "it still answers late requests"
    );
    assert_eq!(story.actions, []);
    story.pass_with_heartbeats(Duration::from_secs(6), 0..2);
    assert!(
        story.actions.contains(&TargetAction::PermitExit(SessionId(1))),
        "{:?}",
        story.actions
    );
}

#[test]
fn a_new_incarnation_of_a_pod_takes_over_at_once() {
    let mut story = TargetStory::with_pods(3);
    story.open(9, pod_in(1, 5));
    assert_eq!(story.actions, [TargetAction::Close(SessionId(1))]);
    assert_eq!(story.serving_count(&pod_in(1, 5)), 43);
    assert_eq!(story.assignment().generation().number(), 2);
    story.step(TargetEvent::SessionClosed { session: SessionId(1) });
    assert_eq!(
        story.assignment().generation().number(),
        2,
        "the old session has no effect on the new incarnation"
    );
}

#[test]
fn a_new_leader_moves_nothing_within_its_grace() {
    let before = TargetStory::with_pods(3);
    let mut story = TargetStory::with_new_leader(before.cluster, before.now);
    story.pass(Duration::from_millis(2_900));
    assert_eq!(story.assignment().generation().number(), 1);
    assert_eq!(story.actions, [], "no pod is suspected yet");
    (0..2).for_each(|number| story.open(number, pod(number)));
    story.pass_with_heartbeats(Duration::from_secs(1), 0..2);
    assert_eq!(story.actions, [TargetAction::Probe(pod(2))]);
    story.probed(&pod(2), ProbeOutcome::Refused);
    assert_eq!(story.assignment().pods().len(), 2);
}

#[test]
fn a_pod_wrongly_declared_dead_registers_again() {
    let mut story = TargetStory::with_pods(2);
    for _ in 0..4 {
        story.pass_with_heartbeats(Duration::from_secs(2), 0..1);
        story.probed(&pod(1), ProbeOutcome::Silent);
    }
    assert_eq!(story.serving_count(&pod(1)), 0);
    assert!(story.actions.contains(&TargetAction::Close(SessionId(1))));
    story.open(7, pod(1));
    story.pass_with_heartbeats(Duration::from_secs(6), [0, 7].into_iter());
    assert_eq!(story.serving_count(&pod(1)), 32);
}

#[test]
fn nothing_changes_while_frozen() {
    let mut story = TargetStory::with_pods(2);
    let frozen = story.applied(ChangeKind::Freeze { is_frozen: true });
    story.step(frozen);
    story.step(TargetEvent::SessionClosed { session: SessionId(1) });
    story.probed(&pod(1), ProbeOutcome::Refused);
    story.pass_with_heartbeats(Duration::from_secs(5), 0..1);
    assert_eq!(story.assignment().generation().number(), 1);
    let released = story.applied(ChangeKind::Freeze { is_frozen: false });
    story.step(released);
    assert_eq!(story.serving_count(&pod(0)), 64);
}

#[test]
fn a_lost_proposal_is_made_again() {
    let mut story = TargetStory::new();
    let opened = TargetEvent::SessionOpened {
        session: SessionId(0),
        pod: pod(0),
    };
    let lost = story.stepper.step(opened, story.now);
    assert_eq!(
        lost.last(),
        Some(&TargetAction::Propose(ChangeKind::RegisterPod { pod: pod(0) }))
    );
    let ended = TargetEvent::ProposalEnded {
        outcome: None,
        state: story.state(),
    };
    story.step(ended);
    assert!(story.state().pods.is_empty());
    story.pass(Duration::from_millis(200));
    assert_eq!(story.state().pods.len(), 1);
}
