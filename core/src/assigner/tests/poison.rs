//! Keys that crash every pod that owns them.

use std::time::Duration;

use super::story::TargetStory;
use crate::assigner::*;
use crate::keyspace::{Slice, SliceKey};
use crate::pod::PodPhase;
use crate::pod::fixtures::{pod, pod_in};

impl TargetStory {
    /// The pod dies without draining.
    fn crash(&mut self, number: u64) {
        self.crash_incarnation(number, 0);
    }

    fn crash_incarnation(&mut self, number: u64, incarnation: u128) {
        self.step(TargetEvent::SessionClosed {
            session: SessionId(number),
        });
        self.probed(&pod_in(number, incarnation), ProbeOutcome::Refused);
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

    /// Crashes the current owner of the key.
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
    assert!(story.state().poisoned.is_empty(), "one crash proves nothing");
    story.crash_owner_of(&key());
    story
}

#[test]
fn keys_whose_owners_crash_one_after_the_other_are_poisoned() {
    let story = poisoned();
    assert!(story.is_poisoned(&key()));
    let state = story.state();
    let width: u128 = state.poisoned.iter().map(|(slice, ())| slice.width()).sum();
    assert!(width < Slice::FULL.width() / 16, "{:?}", state.poisoned);
    let recovered = TargetStory::with_new_leader(story.cluster, story.now);
    assert!(recovered.is_poisoned(&key()), "poisoned keys are replicated");
}

#[test]
fn keys_that_an_operator_releases_stay_released() {
    let mut story = poisoned();
    let slice = Slice::FULL;
    let released = story.applied(ChangeKind::Release { slice });
    story.step(released);
    story.pass_alive(Duration::from_secs(60));
    assert!(story.state().poisoned.is_empty());
}

#[test]
fn poisoned_keys_are_released_after_ten_minutes_without_a_crash() {
    let mut story = poisoned();
    story.pass_alive(Duration::from_secs(599));
    assert!(story.is_poisoned(&key()));
    story.pass_alive(Duration::from_secs(2));
    assert!(story.state().poisoned.is_empty());
}

#[test]
fn crashes_more_than_ten_minutes_apart_poison_nothing() {
    let mut story = TargetStory::with_pods(12);
    story.crash_owner_of(&key());
    story.pass_alive(Duration::from_secs(601));
    story.crash_owner_of(&key());
    assert!(story.state().poisoned.is_empty());
}

#[test]
fn a_drained_pod_has_not_crashed() {
    let mut story = TargetStory::with_pods(12);
    story.crash_owner_of(&key());
    let owner = story.owner_of(&key());
    let drained = story.applied(ChangeKind::DrainPod { name: pod(owner).name });
    story.heartbeat(owner, PodPhase::Draining);
    story.step(drained);
    story.crash(owner);
    assert!(story.state().poisoned.is_empty());
}

#[test]
fn a_small_cluster_needs_more_crashes() {
    let mut story = TargetStory::with_pods(4);
    let mut crash_count = 0;
    while !story.is_poisoned(&key()) {
        assert!(crash_count < 6, "{:?}", story.state().poisoned);
        story.crash_owner_of(&key());
        crash_count += 1;
        story.open(4 + crash_count, pod(4 + crash_count));
        story.pass_alive(Duration::from_secs(20));
    }
    assert!(crash_count > 2, "too many keys were suspected after two crashes");
}

#[test]
fn repeated_crashes_of_one_pod_poison_at_most_one_slice() {
    let mut story = TargetStory::with_pods(12);
    for incarnation in 0..6 {
        story.crash_incarnation(5, incarnation);
        story.open(5, pod_in(5, incarnation + 1));
        story.pass_alive(Duration::from_secs(10));
    }
    assert!(story.state().poisoned.len() <= 1, "{:?}", story.state().poisoned);
}

#[test]
fn unrelated_crashes_poison_little() {
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
