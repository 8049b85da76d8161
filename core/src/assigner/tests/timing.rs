//! The timing of decisions.

use std::time::Duration;

use super::story::TargetStory;
use crate::assigner::*;
use crate::keyspace::Slice;
use crate::load::{Load, LoadReport, SliceLoad};
use crate::pod::fixtures::pod;
use crate::pod::{PodName, PodPhase};

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The pods that serve something.
fn owners(story: &TargetStory) -> Vec<PodName> {
    let assignment = story.assignment();
    let pods = assignment.pods().iter().filter(|pod| story.serving_count(pod) > 0);
    pods.map(|pod| pod.name.clone()).collect()
}

fn names(numbers: impl Iterator<Item = u64>) -> Vec<PodName> {
    numbers.map(|number| pod(number).name).collect()
}

/// Three pods; the first has drained and was replaced by a fourth.
fn first_of_a_rolling_update() -> TargetStory {
    let mut story = TargetStory::with_pods(3);
    story.heartbeat(0, PodPhase::Draining);
    story.pass_with_heartbeats(seconds(7), 0..3);
    assert_eq!(owners(&story), names(1..3), "no replacement is expected yet");
    story.pass_with_heartbeats(seconds(4), 1..3);
    story.open(3, pod(3));
    story.pass_with_heartbeats(seconds(6), 1..4);
    assert_eq!(owners(&story), names(1..4));
    story
}

#[test]
fn in_a_rolling_update_a_draining_pod_serves_until_its_replacement_joins() {
    let mut story = first_of_a_rolling_update();
    story.heartbeat(1, PodPhase::Draining);
    let status = story.explanation().status.to_string();
    assert!(
        status.contains("pods drain, and their replacements are expected"),
        "{status}"
    );
    story.pass_with_heartbeats(seconds(10), 1..4);
    assert_eq!(owners(&story), names(1..4));

    let count = story.serving_count(&pod(1));
    story.open(4, pod(4));
    story.pass_with_heartbeats(seconds(7), 1..5);
    assert_eq!(owners(&story), names(2..5));
    assert_eq!(
        story.serving_count(&pod(4)),
        count,
        "it takes over all slices, and no others"
    );
}

#[test]
fn a_draining_pod_waits_no_longer_than_the_join_grace() {
    let mut story = first_of_a_rolling_update();
    story.heartbeat(1, PodPhase::Draining);
    story.pass_with_heartbeats(seconds(14), 1..4);
    assert!(story.serving_count(&pod(1)) > 0);
    story.pass_with_heartbeats(seconds(8), 1..4);
    assert_eq!(owners(&story), names(2..4));
}

#[test]
fn a_pod_that_dies_while_it_waits_is_replaced_at_once() {
    let mut story = first_of_a_rolling_update();
    story.heartbeat(1, PodPhase::Draining);
    story.step(TargetEvent::SessionClosed { session: SessionId(1) });
    story.probed(&pod(1), ProbeOutcome::Refused);
    assert_eq!(owners(&story), names(2..4));
}

#[test]
fn ten_minutes_after_a_rolling_update_no_replacement_is_expected() {
    let mut story = first_of_a_rolling_update();
    story.pass_with_heartbeats(seconds(601), 1..4);
    story.heartbeat(1, PodPhase::Draining);
    story.pass_with_heartbeats(seconds(8), 1..4);
    assert_eq!(owners(&story), names(2..4));
}

/// The load report of a pod whose slices have this rate together.
fn report(story: &TargetStory, number: u64, units: u64) -> TargetEvent {
    let assignment = story.assignment();
    let index = assignment.index_of(&pod(number).name).unwrap();
    let slices: Vec<Slice> = assignment.shares_of(index).map(|(slice, ..)| slice).collect();
    let rate = Load::from_milli(units * 1_000 / slices.len() as u64);
    let share = |slice: &Slice| SliceLoad {
        slice: slice.clone(),
        fast: rate,
        slow: rate,
        memory: 0,
        replicas: 1,
        window: seconds(60),
        split_hints: Vec::new(),
    };
    TargetEvent::LoadReported {
        session: SessionId(number),
        report: LoadReport {
            slices: slices.iter().map(share).collect(),
            ..LoadReport::default()
        },
    }
}

/// Advances up to `count` seconds while pods report these loads; returns the second of the first change.
fn second_of_change(story: &mut TargetStory, loads: &[u64], count: u64) -> Option<u64> {
    let before = story.assignment().generation();
    (1..=count).find(|_| {
        let pods = 0..loads.len() as u64;
        for (number, units) in pods.clone().zip(loads) {
            let event = report(story, number, *units);
            story.step(event);
        }
        story.pass_with_heartbeats(seconds(1), pods);
        story.assignment().generation() != before
    })
}

#[test]
fn an_overloaded_pod_is_relieved_without_waiting_for_the_load_to_settle() {
    let overloaded = 150_000;
    let mut story = TargetStory::with_pods(4);
    let relieved = second_of_change(&mut story, &[overloaded, 10_000, 10_000, 10_000], 30);
    assert!(relieved.is_some_and(|second| second <= 6), "{relieved:?}");
    let mut story = TargetStory::with_pods(4);
    let uneven = second_of_change(&mut story, &[90_000, 10_000, 10_000, 10_000], 30);
    assert!(uneven.is_some_and(|second| second >= 14), "{uneven:?}");
}

#[test]
fn for_a_minute_after_a_mass_failure_lost_slices_are_repaired_and_nothing_is_balanced() {
    let mut story = TargetStory::with_pods(6);
    for number in 4..6 {
        story.step(TargetEvent::SessionClosed {
            session: SessionId(number),
        });
        story.probed(&pod(number), ProbeOutcome::Refused);
    }
    assert_eq!(owners(&story), names(0..4), "two of six are a third, which is repaired");
    story.step(TargetEvent::SessionClosed { session: SessionId(3) });
    story.probed(&pod(3), ProbeOutcome::Refused);
    assert_eq!(owners(&story), names(0..3));
    story.pass_with_heartbeats(seconds(6), 0..3);

    let uneven = [90_000, 10_000, 10_000];
    assert_eq!(second_of_change(&mut story, &uneven, 50), None);
    let status = story.explanation().status.to_string();
    assert!(status.contains("it may be an outage"), "{status}");
    assert!(second_of_change(&mut story, &uneven, 15).is_some());
}
