//! Keys that crash whoever owns them.

use std::time::Duration;

use super::story::TargetStory;
use crate::assigner::*;
use crate::keyspace::{Slice, SliceKey};
use crate::pod::PodPhase;
use crate::pod::fixtures::{pod, pod_in};

impl TargetStory {
    /// The process of the pod is gone, and nobody had asked it to stop.
    fn crash(&mut self, number: u64) {
        self.crash_in_life(number, 0);
    }

    fn crash_in_life(&mut self, number: u64, life: u128) {
        self.tell(TargetEvent::SessionClosed {
            session: SessionId(number),
        });
        self.probed(&pod_in(number, life), ProbeOutcome::Refused);
        assert!(!self.state().pods.contains_key(&pod(number).name));
    }

    /// The number of the pod that owns the key.
    fn owner_of(&self, key: &SliceKey) -> u64 {
        let assignment = self.assignment();
        let owner = assignment
            .get(key)
            .1
            .replicas
            .serving()
            .next()
            .expect("all keys are owned");
        let name = assignment.pod(owner).name.as_str().to_owned();
        name["pod-".len()..].parse().expect("pods have numbers")
    }

    fn is_poisoned(&self, key: &SliceKey) -> bool {
        self.state().poisoned.iter().any(|(slice, ())| slice.contains(key))
    }

    /// Crashes the owner of the key, whichever it is.
    fn crash_owner_of(&mut self, key: &SliceKey) {
        self.crash(self.owner_of(key));
    }

    fn pass_alive(&mut self, time: Duration) {
        let alive: Vec<u64> = (0..20)
            .filter(|number| self.state().pods.contains_key(&pod(*number).name))
            .collect();
        self.pass_with_heartbeats(time, alive.into_iter());
    }
}

fn key() -> SliceKey {
    SliceKey::from_position(u64::MAX / 3)
}

fn poisoned() -> TargetStory {
    let mut story = TargetStory::with_pods(12);
    story.crash_owner_of(&key());
    story.pass_alive(Duration::from_secs(30));
    assert!(story.state().poisoned.is_empty(), "pods crash now and then");
    story.crash_owner_of(&key());
    story
}

#[test]
fn keys_whose_owners_crash_one_after_the_other_are_poisoned_and_few_others() {
    let story = poisoned();
    assert!(story.is_poisoned(&key()));
    let state = story.state();
    let width: u128 = state.poisoned.iter().map(|(slice, ())| slice.width()).sum();
    assert!(width < Slice::FULL.width() / 16, "{:?}", state.poisoned);
    let recovered = TargetStory::led_anew(story.cluster, story.now);
    assert!(recovered.is_poisoned(&key()), "a new leader knows, too");
}

#[test]
fn an_operator_lets_poisoned_keys_go_and_they_stay_released() {
    let mut story = poisoned();
    let slice = Slice::FULL;
    let released = story.applied(ChangeKind::Release { slice });
    story.tell(released);
    story.pass_alive(Duration::from_secs(60));
    assert!(story.state().poisoned.is_empty());
}

#[test]
fn keys_whose_owner_lives_for_ten_minutes_are_poisoned_no_more() {
    let mut story = poisoned();
    story.pass_alive(Duration::from_secs(599));
    assert!(story.is_poisoned(&key()));
    story.pass_alive(Duration::from_secs(2));
    assert!(story.state().poisoned.is_empty());
}

#[test]
fn crashes_more_than_ten_minutes_apart_say_nothing() {
    let mut story = TargetStory::with_pods(12);
    story.crash_owner_of(&key());
    story.pass_alive(Duration::from_secs(601));
    story.crash_owner_of(&key());
    assert!(story.state().poisoned.is_empty());
}

#[test]
fn a_pod_that_drains_has_not_crashed() {
    let mut story = TargetStory::with_pods(12);
    story.crash_owner_of(&key());
    let owner = story.owner_of(&key());
    let drained = story.applied(ChangeKind::DrainPod { name: pod(owner).name });
    story.beat(owner, PodPhase::Draining);
    story.tell(drained);
    story.crash(owner);
    assert!(story.state().poisoned.is_empty());
}

#[test]
fn in_a_small_cluster_it_takes_more_crashes_to_tell() {
    let mut story = TargetStory::with_pods(4);
    let mut crash_count = 0;
    while !story.is_poisoned(&key()) {
        assert!(crash_count < 6, "{:?}", story.state().poisoned);
        story.crash_owner_of(&key());
        crash_count += 1;
        story.open(4 + crash_count, pod(4 + crash_count));
        story.pass_alive(Duration::from_secs(20));
    }
    assert!(crash_count > 2, "a twelfth of all keys was in query");
}

#[test]
fn a_pod_that_crashes_again_and_again_does_not_make_its_keys_poisonous() {
    let mut story = TargetStory::with_pods(12);
    for life in 0..6 {
        story.crash_in_life(5, life);
        story.open(5, pod_in(5, life + 1));
        story.pass_alive(Duration::from_secs(10));
    }
    assert!(story.state().poisoned.len() <= 1, "{:?}", story.state().poisoned);
}

#[test]
fn pods_that_crash_for_reasons_of_their_own_poison_little() {
    let mut story = TargetStory::with_pods(12);
    for number in 0..8 {
        story.crash(number);
        story.open(number + 12, pod(number + 12));
        story.pass_alive(Duration::from_secs(15));
    }
    let state = story.state();
    let width: u128 = state.poisoned.iter().map(|(slice, ())| slice.width()).sum();
    assert!(width < Slice::FULL.width() / 32, "{:?}", state.poisoned);
}
