//! Pods that fall: which deaths are believed, and who is held back.

use std::time::Duration;

use super::story::TargetStory;
use crate::assigner::*;
use crate::pod::fixtures::{pod, pod_in};
use crate::pod::{Pod, PodPhase};

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Answers the probes that were sent last.
fn answer_probes(story: &mut TargetStory, outcome: ProbeOutcome) {
    for wanted in std::mem::take(&mut story.wanted) {
        if let TargetAction::Probe(pod) = wanted {
            story.probed(&pod, outcome);
        }
    }
}

/// Lets time pass in which no probe is answered.
fn pass_in_silence(story: &mut TargetStory, time: Duration) {
    let end = story.now + time;
    while story.now < end {
        answer_probes(story, ProbeOutcome::Silent);
        let next = story.wake_at.max(story.now).min(end);
        story.pass(next.since(story.now).max(Duration::from_millis(1)));
    }
}

/// Nine pods, all of whose sessions break at once.
fn cut_off(leads: Option<bool>) -> TargetStory {
    let mut story = TargetStory::with_pods(9);
    story.leads = leads;
    (0..9).for_each(|number| {
        story.tell(TargetEvent::SessionClosed {
            session: SessionId(number),
        });
    });
    story
}

#[test]
fn a_leader_that_is_cut_off_removes_nobody() {
    for leads in [None, Some(false)] {
        let mut story = cut_off(leads);
        assert!(story.alarm.is_mass_failure);
        pass_in_silence(&mut story, seconds(60));
        assert_eq!(story.state().pods.len(), 9);
        let text = story.explanation().to_string();
        let sentence = "trouble: 9 of 9 pods fell at once: no pod is removed until a quorum has confirmed that this \
                        member leads";
        assert!(text.contains(sentence), "{text}");
    }
}

#[test]
fn a_leader_that_leads_keeps_silent_pods_three_times_as_long_as_usual() {
    let mut story = cut_off(Some(true));
    pass_in_silence(&mut story, Duration::from_millis(8_900));
    assert_eq!(story.state().pods.len(), 9);
    let text = story.explanation().to_string();
    let sentence = "pods that refuse connections are removed, silent ones only after 9.0 s";
    assert!(text.contains(sentence), "{text}");
    pass_in_silence(&mut story, seconds(2));
    assert_eq!(story.state().pods.len(), 0);
}

#[test]
fn pods_that_refuse_connections_are_removed_once_leadership_is_confirmed() {
    let mut story = cut_off(None);
    answer_probes(&mut story, ProbeOutcome::Refused);
    assert_eq!(story.state().pods.len(), 9);
    story.tell(TargetEvent::LeadershipChecked { leads: true });
    assert_eq!(story.wanted.len(), 9, "all are probed again: {:?}", story.wanted);
    answer_probes(&mut story, ProbeOutcome::Refused);
    assert_eq!(story.state().pods.len(), 0);
}

#[test]
fn a_quorum_that_does_not_answer_is_asked_again_each_second() {
    let mut story = cut_off(Some(false));
    pass_in_silence(&mut story, seconds(20));
    story.leads = Some(true);
    pass_in_silence(&mut story, seconds(2));
    assert_eq!(story.state().pods.len(), 0, "they have been silent for long enough");
}

#[test]
fn the_alarm_ends_ten_seconds_after_the_pods_are_back() {
    let mut story = cut_off(Some(true));
    (0..9).for_each(|number| story.open(20 + number, pod(number)));
    story.pass_with_heartbeats(seconds(9), 20..29);
    assert!(story.alarm.is_mass_failure);
    story.pass_with_heartbeats(seconds(2), 20..29);
    assert!(!story.alarm.is_mass_failure);
    assert_eq!(story.state().pods.len(), 9);
    assert_eq!(story.explanation().troubles, []);
}

#[test]
fn a_pod_that_clerks_cannot_reach_is_probed_and_loses_nothing_while_it_lives() {
    let mut story = TargetStory::with_pods(3);
    for _ in 0..100 {
        story.reported(&pod(1));
        story.reported(&pod_in(1, 4));
        story.reported(&pod(7));
    }
    assert_eq!(story.wanted, [TargetAction::Probe(pod(1))]);
    let before = story.assignment();
    answer_probes(&mut story, ProbeOutcome::Answered);
    story.pass_with_heartbeats(seconds(5), 0..3);
    assert_eq!(story.wanted, []);
    assert_eq!(story.assignment(), before);
}

#[test]
fn a_pod_that_clerks_cannot_reach_and_that_refuses_the_leader_too_is_dead_before_its_session_breaks() {
    let mut story = TargetStory::with_pods(3);
    story.reported(&pod(1));
    answer_probes(&mut story, ProbeOutcome::Refused);
    assert_eq!(story.serving_count(&pod(1)), 0);
    assert_eq!(story.state().pods.len(), 2);
}

/// A pod of three dies and comes back at once.
fn die_and_come_back(story: &mut TargetStory, life: u128) -> Pod {
    story.tell(TargetEvent::SessionClosed { session: SessionId(1) });
    story.probed(&pod_in(1, life), ProbeOutcome::Refused);
    let next = pod_in(1, life + 1);
    story.open(1, next.clone());
    next
}

#[test]
fn a_pod_that_dies_again_and_again_waits_longer_each_time_before_it_gets_slices() {
    let mut story = TargetStory::with_pods(3);
    for (life, delay) in [(0, 0), (1, 5), (2, 10)] {
        let back = die_and_come_back(&mut story, life);
        assert_eq!(story.alarm.held_back_count, usize::from(delay > 0));
        if delay > 0 {
            story.pass_with_heartbeats(seconds(delay) - Duration::from_millis(500), 0..3);
            assert_eq!(story.serving_count(&back), 0, "in life {life}");
        }
        story.pass_with_heartbeats(seconds(2), 0..3);
        assert!(story.serving_count(&back) > 0, "in life {life}");
        assert_eq!(story.alarm.held_back_count, 0);
        story.pass_with_heartbeats(seconds(30), 0..3);
    }
}

#[test]
fn operators_are_told_who_is_held_back() {
    let mut story = TargetStory::with_pods(3);
    die_and_come_back(&mut story, 0);
    story.pass_with_heartbeats(seconds(20), 0..3);
    die_and_come_back(&mut story, 1);
    let text = story.explanation().to_string();
    let sentence = "trouble: pod pod-1 has died 2 times and gets no slices for another 5.0 s\n";
    assert!(text.contains(sentence), "{text}");
}

#[test]
fn a_pod_that_is_held_back_owns_all_if_nobody_else_is_left() {
    let mut story = TargetStory::with_pods(3);
    die_and_come_back(&mut story, 0);
    story.pass_with_heartbeats(seconds(20), 0..3);
    let back = die_and_come_back(&mut story, 1);
    assert_eq!(story.serving_count(&back), 0);
    for number in [0, 2] {
        story.tell(TargetEvent::SessionClosed {
            session: SessionId(number),
        });
        story.probed(&pod(number), ProbeOutcome::Refused);
        story.probed(&pod(number), ProbeOutcome::Refused);
    }
    story.pass_with_heartbeats(seconds(1), 1..2);
    assert_eq!(story.state().pods.len(), 1);
    assert!(story.serving_count(&back) > 0);
    assert_eq!(story.alarm.held_back_count, 0);
}

#[test]
fn pods_that_are_replaced_under_their_own_names_after_a_drain_are_not_held_back() {
    let mut story = TargetStory::with_pods(3);
    for life in 0..4 {
        story.beat(1, PodPhase::Draining);
        story.pass_with_heartbeats(seconds(7), [0, 2].into_iter());
        story.tell(TargetEvent::SessionClosed { session: SessionId(1) });
        story.probed(&pod_in(1, life), ProbeOutcome::Refused);
        story.open(1, pod_in(1, life + 1));
        story.pass_with_heartbeats(seconds(5), 0..3);
        assert!(story.serving_count(&pod_in(1, life + 1)) > 0, "in life {}", life + 1);
    }
}
