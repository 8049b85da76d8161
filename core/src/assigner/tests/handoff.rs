//! How slices change hands, and what happens when one of those who take part is lost on the way.

use std::collections::BTreeMap;
use std::time::Duration;

use super::story::TargetStory;
use crate::assigner::*;
use crate::assignment::Phase;
use crate::pod::PodPhase;
use crate::pod::fixtures::{pod, pod_in};

/// How many replicas the pod has in that phase.
fn count(story: &TargetStory, number: u64, wanted: Phase) -> usize {
    let assignment = story.assignment();
    let index = assignment.index_of(&pod(number).name);
    let shares = index.into_iter().flat_map(|index| assignment.shares_of(index));
    shares.filter(|(_, _, phase)| *phase == wanted).count()
}

/// Two pods, of which the second drains, and none gets ready by itself.
fn draining() -> TargetStory {
    let mut story = TargetStory::with_pods(2);
    story.gets_ready = false;
    story.beat(1, PodPhase::Draining);
    pass(&mut story, 500);
    story
}

fn ordered_counts(story: &TargetStory) -> Vec<usize> {
    story.to_warm.values().map(Vec::len).collect()
}

fn pass(story: &mut TargetStory, millis: u64) {
    story.pass_with_heartbeats(Duration::from_millis(millis), 0..2);
}

#[test]
fn so_many_slices_get_ready_at_a_time_as_may() {
    let mut story = draining();
    assert_eq!(count(&story, 0, Phase::Warming), 32, "all are to move");
    assert_eq!(ordered_counts(&story), [4]);
    let first = story.to_warm.clone();
    story.gets_ready = true;
    pass(&mut story, 500);
    assert_eq!(count(&story, 0, Phase::Warming), 28, "those that were ready serve");
    assert_eq!(ordered_counts(&story), [4]);
    assert_ne!(story.to_warm, first);
}

#[test]
fn a_pod_that_gives_to_several_gives_no_more_at_a_time_than_it_may() {
    let mut story = TargetStory::with_pods(4);
    story.gets_ready = false;
    story.beat(3, PodPhase::Draining);
    story.pass_with_heartbeats(Duration::from_millis(500), 0..4);
    assert_eq!(ordered_counts(&story).iter().sum::<usize>(), 4);
}

#[test]
fn what_does_not_get_ready_in_time_is_served_all_the_same() {
    let mut story = draining();
    pass(&mut story, 9_500);
    assert_eq!(count(&story, 0, Phase::Warming), 32);
    pass(&mut story, 1_000);
    assert_eq!(count(&story, 0, Phase::Warming), 28);
    pass(&mut story, 80_000);
    assert_eq!(count(&story, 0, Phase::Serving), 64);
    let may_exit = TargetAction::PermitExit(SessionId(1));
    assert!(story.wanted.contains(&may_exit), "{:?}", story.wanted);
}

#[test]
fn a_pod_that_is_not_heard_of_is_given_nothing_to_serve() {
    let mut story = draining();
    story.tell(TargetEvent::SessionClosed { session: SessionId(0) });
    for _ in 0..20 {
        story.probed(&pod(0), ProbeOutcome::Answered);
        story.pass_with_heartbeats(Duration::from_secs(1), 1..2);
    }
    assert_eq!(count(&story, 1, Phase::Yielding), 32);
    story.open(5, pod(0));
    story.gets_ready = true;
    story.pass_with_heartbeats(Duration::from_secs(6), [1, 5].into_iter());
    assert_eq!(count(&story, 0, Phase::Serving), 64);
}

#[test]
fn when_the_new_owner_dies_the_old_one_goes_on() {
    let mut story = draining();
    story.tell(TargetEvent::SessionClosed { session: SessionId(0) });
    story.probed(&pod(0), ProbeOutcome::Refused);
    assert_eq!(count(&story, 1, Phase::Serving), 32);
}

#[test]
fn a_new_life_of_the_new_owner_begins_anew() {
    let mut story = draining();
    story.gets_ready = true;
    story.beat(0, PodPhase::Ready);
    story.gets_ready = false;
    assert_eq!(count(&story, 0, Phase::Warming), 28);
    pass(&mut story, 8_000);
    story.open(7, pod_in(0, 1));
    story.pass_with_heartbeats(Duration::from_millis(8_000), [1, 7].into_iter());
    assert_eq!(
        count(&story, 0, Phase::Warming),
        28,
        "what its earlier life was told lasts no longer"
    );
    assert_eq!(story.to_warm[&7].len(), 4);
}

#[test]
fn when_the_old_owner_dies_the_new_one_serves_with_what_it_has() {
    let mut story = draining();
    story.tell(TargetEvent::SessionClosed { session: SessionId(1) });
    story.probed(&pod(1), ProbeOutcome::Refused);
    assert_eq!(count(&story, 0, Phase::Serving), 64);
}

#[test]
fn a_new_leader_goes_on_where_the_old_one_was() {
    let before = draining();
    let mut story = TargetStory::led_anew(before.cluster, before.now);
    story.pass(Duration::from_millis(100));
    assert_eq!(story.to_warm, BTreeMap::new(), "nobody has come yet");
    (0..2).for_each(|number| story.open(number, pod(number)));
    assert_eq!(ordered_counts(&story), [4]);
    story.beat(1, PodPhase::Draining);
    pass(&mut story, 6_000);
    assert_eq!(count(&story, 0, Phase::Serving), 64);
    pass(&mut story, 6_000);
    let may_exit = TargetAction::PermitExit(SessionId(1));
    assert!(story.wanted.contains(&may_exit), "{:?}", story.wanted);
}

#[test]
fn a_target_without_transfer_switches_at_once_and_one_that_turns_it_off_too() {
    let mut story = draining();
    let mut settings = TargetSettings::default();
    settings.handoff.transfer = false;
    let configured = story.applied(ChangeKind::ConfigureTarget { settings });
    story.tell(configured);
    assert_eq!(count(&story, 0, Phase::Serving), 64);
    assert_eq!(ordered_counts(&story), [0]);
}
