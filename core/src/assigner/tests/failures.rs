//! Failing pods: when they are declared dead, and when they are held back.

use std::time::Duration;

use super::story::TargetStory;
use crate::assigner::*;
use crate::pod::fixtures::{pod, pod_in};
use crate::pod::{Pod, PodPhase};

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Ends the last probes with this outcome.
fn answer_probes(story: &mut TargetStory, outcome: ProbeOutcome) {
    for action in std::mem::take(&mut story.actions) {
        if let TargetAction::Probe(pod) = action {
            story.probed(&pod, outcome);
        }
    }
}

/// Advances time while no probe is answered.
fn pass_in_silence(story: &mut TargetStory, time: Duration) {
    let end = story.now + time;
    while story.now < end {
        answer_probes(story, ProbeOutcome::Silent);
        let next = story.wake_at().max(story.now).min(end);
        story.pass(next.since(story.now).max(Duration::from_millis(1)));
    }
}

/// Nine pods that all lose their sessions at once.
fn cut_off(leads: Option<bool>) -> TargetStory {
    let mut story = TargetStory::with_pods(9);
    story.leads = leads;
    (0..9).for_each(|number| {
        story.step(TargetEvent::SessionClosed {
            session: SessionId(number),
        });
    });
    story
}

#[test]
fn an_isolated_leader_removes_no_pod() {
    for leads in [None, Some(false)] {
        let mut story = cut_off(leads);
        assert!(story.alarm.is_mass_failure);
        pass_in_silence(&mut story, seconds(60));
        assert_eq!(story.state().pods.len(), 9);
        let text = story.explanation().to_string();
        let sentence = "trouble: 9 of 9 pods failed at once: no pod is removed until a quorum has confirmed that this \
                        member leads";
        assert!(text.contains(sentence), "{text}");
    }
}

#[test]
fn a_confirmed_leader_keeps_silent_pods_three_times_as_long_as_usual() {
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
    story.step(TargetEvent::LeadershipChecked { leads: true });
    assert_eq!(story.actions.len(), 9, "all are probed again: {:?}", story.actions);
    answer_probes(&mut story, ProbeOutcome::Refused);
    assert_eq!(story.state().pods.len(), 0);
}

#[test]
fn the_leadership_check_is_repeated_each_second_until_it_succeeds() {
    let mut story = cut_off(Some(false));
    pass_in_silence(&mut story, seconds(20));
    story.leads = Some(true);
    pass_in_silence(&mut story, seconds(2));
    assert_eq!(
        story.state().pods.len(),
        0,
        "they were silent for longer than the timeout"
    );
}

#[test]
fn the_alarm_ends_ten_seconds_after_the_failure() {
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
fn a_pod_reported_by_clerks_is_probed_and_keeps_its_slices_if_it_answers() {
    let mut story = TargetStory::with_pods(3);
    for _ in 0..100 {
        story.report_unreachable(&pod(1));
        story.report_unreachable(&pod_in(1, 4));
        story.report_unreachable(&pod(7));
    }
    assert_eq!(story.actions, [TargetAction::Probe(pod(1))]);
    let before = story.assignment();
    answer_probes(&mut story, ProbeOutcome::Answered);
    story.pass_with_heartbeats(seconds(5), 0..3);
    assert_eq!(story.actions, []);
    assert_eq!(story.assignment(), before);
}

#[test]
fn a_pod_reported_by_clerks_that_refuses_the_probe_is_dead_before_its_session_breaks() {
    let mut story = TargetStory::with_pods(3);
    story.report_unreachable(&pod(1));
    answer_probes(&mut story, ProbeOutcome::Refused);
    assert_eq!(story.serving_count(&pod(1)), 0);
    assert_eq!(story.state().pods.len(), 2);
}

/// Pod 1 of three dies and comes back at once.
fn die_and_come_back(story: &mut TargetStory, incarnation: u128) -> Pod {
    story.step(TargetEvent::SessionClosed { session: SessionId(1) });
    story.probed(&pod_in(1, incarnation), ProbeOutcome::Refused);
    let next = pod_in(1, incarnation + 1);
    story.open(1, next.clone());
    next
}

#[test]
fn a_pod_that_dies_repeatedly_is_held_back_longer_each_time() {
    let mut story = TargetStory::with_pods(3);
    for (incarnation, delay) in [(0, 0), (1, 5), (2, 10)] {
        let back = die_and_come_back(&mut story, incarnation);
        assert_eq!(story.alarm.held_back_count, usize::from(delay > 0));
        if delay > 0 {
            story.pass_with_heartbeats(seconds(delay) - Duration::from_millis(500), 0..3);
            assert_eq!(story.serving_count(&back), 0, "in incarnation {incarnation}");
        }
        story.pass_with_heartbeats(seconds(2), 0..3);
        assert!(story.serving_count(&back) > 0, "in incarnation {incarnation}");
        assert_eq!(story.alarm.held_back_count, 0);
        story.pass_with_heartbeats(seconds(30), 0..3);
    }
}

#[test]
fn an_explanation_lists_pods_that_are_held_back() {
    let mut story = TargetStory::with_pods(3);
    die_and_come_back(&mut story, 0);
    story.pass_with_heartbeats(seconds(20), 0..3);
    die_and_come_back(&mut story, 1);
    let text = story.explanation().to_string();
    let sentence = "trouble: pod pod-1 has died 2 times and gets no slices for another 5.0 s\n";
    assert!(text.contains(sentence), "{text}");
}

#[test]
fn the_last_pod_is_not_held_back() {
    let mut story = TargetStory::with_pods(3);
    die_and_come_back(&mut story, 0);
    story.pass_with_heartbeats(seconds(20), 0..3);
    let back = die_and_come_back(&mut story, 1);
    assert_eq!(story.serving_count(&back), 0);
    for number in [0, 2] {
        story.step(TargetEvent::SessionClosed {
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
fn pods_that_restart_after_a_drain_are_not_held_back() {
    let mut story = TargetStory::with_pods(3);
    for incarnation in 0..4 {
        story.heartbeat(1, PodPhase::Draining);
        story.pass_with_heartbeats(seconds(7), [0, 2].into_iter());
        story.step(TargetEvent::SessionClosed { session: SessionId(1) });
        story.probed(&pod_in(1, incarnation), ProbeOutcome::Refused);
        story.open(1, pod_in(1, incarnation + 1));
        story.pass_with_heartbeats(seconds(5), 0..3);
        assert!(
            story.serving_count(&pod_in(1, incarnation + 1)) > 0,
            "in incarnation {}",
            incarnation + 1
        );
    }
}
