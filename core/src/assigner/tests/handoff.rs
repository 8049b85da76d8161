//! Handoffs of slices, and failures of the pods that take part.

use std::collections::BTreeMap;
use std::time::Duration;

use super::story::TargetStory;
use crate::assigner::*;
use crate::assignment::Phase;
use crate::pod::PodPhase;
use crate::pod::fixtures::{pod, pod_in};

/// The replicas of the pod in that phase.
fn count(story: &TargetStory, number: u64, wanted: Phase) -> usize {
    let assignment = story.assignment();
    let index = assignment.index_of(&pod(number).name);
    let shares = index.into_iter().flat_map(|index| assignment.shares_of(index));
    shares.filter(|(_, _, phase)| *phase == wanted).count()
}

/// Two pods; the second drains, and no slice warms up.
fn draining() -> TargetStory {
    let mut story = TargetStory::with_pods(2);
    story.warms_up = false;
    story.heartbeat(1, PodPhase::Draining);
    pass(&mut story, 500);
    story
}

fn ordered_counts(story: &TargetStory) -> Vec<usize> {
    story.ordered.values().map(Vec::len).collect()
}

fn pass(story: &mut TargetStory, millis: u64) {
    story.pass_with_heartbeats(Duration::from_millis(millis), 0..2);
}

#[test]
fn no_more_slices_warm_up_at_a_time_than_the_limit() {
    let mut story = draining();
    assert_eq!(count(&story, 0, Phase::Warming), 32, "all are to move");
    assert_eq!(ordered_counts(&story), [4]);
    let first = story.ordered.clone();
    story.warms_up = true;
    pass(&mut story, 500);
    assert_eq!(count(&story, 0, Phase::Warming), 28, "the warm ones serve");
    assert_eq!(ordered_counts(&story), [4]);
    assert_ne!(story.ordered, first);
}

#[test]
fn a_pod_sends_no_more_slices_at_a_time_than_the_limit() {
    let mut story = TargetStory::with_pods(4);
    story.warms_up = false;
    story.heartbeat(3, PodPhase::Draining);
    story.pass_with_heartbeats(Duration::from_millis(500), 0..4);
    assert_eq!(ordered_counts(&story).iter().sum::<usize>(), 4);
}

#[test]
fn a_slice_that_is_not_warm_by_the_timeout_is_served_cold() {
    let mut story = draining();
    pass(&mut story, 9_500);
    assert_eq!(count(&story, 0, Phase::Warming), 32);
    pass(&mut story, 1_000);
    assert_eq!(count(&story, 0, Phase::Warming), 28);
    pass(&mut story, 80_000);
    assert_eq!(count(&story, 0, Phase::Serving), 64);
    let may_exit = TargetAction::PermitExit(SessionId(1));
    assert!(story.actions.contains(&may_exit), "{:?}", story.actions);
}

#[test]
fn no_slice_switches_to_a_suspected_pod() {
    let mut story = draining();
    story.step(TargetEvent::SessionClosed { session: SessionId(0) });
    for _ in 0..20 {
        story.probed(&pod(0), ProbeOutcome::Answered);
        story.pass_with_heartbeats(Duration::from_secs(1), 1..2);
    }
    assert_eq!(count(&story, 1, Phase::Yielding), 32);
    story.open(5, pod(0));
    story.warms_up = true;
    story.pass_with_heartbeats(Duration::from_secs(6), [1, 5].into_iter());
    assert_eq!(count(&story, 0, Phase::Serving), 64);
}

#[test]
fn when_the_new_owner_dies_the_old_one_keeps_the_slice() {
    let mut story = draining();
    story.step(TargetEvent::SessionClosed { session: SessionId(0) });
    story.probed(&pod(0), ProbeOutcome::Refused);
    assert_eq!(count(&story, 1, Phase::Serving), 32);
}

#[test]
fn a_new_incarnation_of_the_new_owner_warms_up_again() {
    let mut story = draining();
    story.warms_up = true;
    story.heartbeat(0, PodPhase::Ready);
    story.warms_up = false;
    assert_eq!(count(&story, 0, Phase::Warming), 28);
    pass(&mut story, 8_000);
    story.open(7, pod_in(0, 1));
    story.pass_with_heartbeats(Duration::from_millis(8_000), [1, 7].into_iter());
    assert_eq!(
        count(&story, 0, Phase::Warming),
        28,
        "the order to its earlier incarnation has no effect"
    );
    assert_eq!(story.ordered[&7].len(), 4);
}

#[test]
fn when_the_old_owner_dies_the_new_one_serves_at_once() {
    let mut story = draining();
    story.step(TargetEvent::SessionClosed { session: SessionId(1) });
    story.probed(&pod(1), ProbeOutcome::Refused);
    assert_eq!(count(&story, 0, Phase::Serving), 64);
}

#[test]
fn a_new_leader_continues_handoffs() {
    let before = draining();
    let mut story = TargetStory::with_new_leader(before.cluster, before.now);
    story.pass(Duration::from_millis(100));
    assert_eq!(story.ordered, BTreeMap::new(), "no pod has a session yet");
    (0..2).for_each(|number| story.open(number, pod(number)));
    assert_eq!(ordered_counts(&story), [4]);
    story.heartbeat(1, PodPhase::Draining);
    pass(&mut story, 6_000);
    assert_eq!(count(&story, 0, Phase::Serving), 64);
    pass(&mut story, 6_000);
    let may_exit = TargetAction::PermitExit(SessionId(1));
    assert!(story.actions.contains(&may_exit), "{:?}", story.actions);
}

#[test]
fn turning_transfer_off_switches_slices_at_once() {
    let mut story = draining();
    let mut settings = TargetSettings::default();
    settings.handoff.transfer = false;
    let configured = story.applied(ChangeKind::ConfigureTarget { settings });
    story.step(configured);
    assert_eq!(count(&story, 0, Phase::Serving), 64);
    assert_eq!(ordered_counts(&story), [0]);
}
