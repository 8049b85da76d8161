//! Explanations of keys, slices and pods, and the incidents that are followed.

use std::time::Duration;

use super::story::TargetStory;
use crate::assigner::*;
use crate::balancer::{MoveCause, Pin};
use crate::keyspace::{Slice, SliceKey};
use crate::pod::fixtures::{pod, pod_name};
use crate::time::Timestamp;

fn overview(story: &mut TargetStory) -> TargetOverview {
    match story.reply_to(Query::Overview) {
        QueryReply::Overview(overview) => *overview,
        other => panic!("the reply to another query: {other:?}"),
    }
}

fn incidents_after(story: &mut TargetStory, after: u64) -> Vec<String> {
    match story.reply_to(Query::Incidents { after }) {
        QueryReply::Incidents { incidents, .. } => {
            let lines = incidents.iter();
            lines
                .map(|incident| format!("{} {}: {}", incident.number, incident.kind.as_str(), incident.kind))
                .collect()
        }
        other => panic!("the reply to another query: {other:?}"),
    }
}

fn explained_slice(story: &mut TargetStory, subject: &Subject) -> SliceExplanation {
    match SubjectExplanation::try_of(&overview(story), subject).unwrap() {
        SubjectExplanation::Slice(slice) => *slice,
        SubjectExplanation::Pod(pod) => panic!("a pod: {pod:?}"),
    }
}

/// Three pods of which the second has just died; the first slice that moved then.
fn story_of_a_death() -> (TargetStory, Subject) {
    let mut story = TargetStory::with_pods(3);
    story.step(TargetEvent::SessionClosed { session: SessionId(1) });
    story.probed(&pod(1), ProbeOutcome::Refused);
    let moved = overview(&mut story).decisions[1].report.moves[0].slice.clone();
    (story, Subject::Key(moved.start().clone()))
}

#[test]
fn a_key_is_explained_by_its_owner_the_decision_that_moved_it_and_what_keeps_it() {
    let (mut story, key) = story_of_a_death();
    story.pass(Duration::from_secs(1));
    let explained = explained_slice(&mut story, &key);
    let moved = explained.last_move.as_ref().expect("it moved when its owner died");
    assert_eq!((moved.generation.number(), moved.moved.cause), (2, MoveCause::Missing));
    let text = explained.to_string();
    let expected = format!(
        "generation 2, 1 s ago: {} moved to {} with 0.0/s because it had no owner, or too few (missing)",
        moved.moved.slice, moved.moved.to
    );
    for line in [
        &expected,
        &format!("{} serves it", moved.moved.to),
        "owners unchanged since generation 2, 1 s ago",
        "0.0/s now, 0.0/s to plan by",
        "moves for balance have used 0 % of what may move in ten minutes",
    ] {
        assert!(text.contains(line), "{line} is missing in\n{text}");
    }
    assert!(text.contains("now: nothing is decided: pods joined or left"), "{text}");
}

#[test]
fn pins_poison_and_a_freeze_are_among_what_keeps_a_slice() {
    let mut story = TargetStory::with_pods(2);
    let slice = overview(&mut story).inputs.assignment.get(&SliceKey::EMPTY).0;
    let pin = Pin {
        slice: slice.clone(),
        pod: pod_name(0),
    };
    for kind in [
        ChangeKind::Freeze { is_frozen: true },
        ChangeKind::Pin { pin },
        ChangeKind::Poison { slice: slice.clone() },
    ] {
        let applied = story.applied(kind);
        story.step(applied);
    }
    let prospects = explained_slice(&mut story, &Subject::Slice(slice.clone())).prospects;
    for expected in [Prospect::Pinned(pod_name(0)), Prospect::Poisoned, Prospect::Frozen] {
        assert!(prospects.contains(&expected), "{prospects:?}");
    }
    let incidents = incidents_after(&mut story, 0);
    let last = incidents.iter().rev().take(2).collect::<Vec<_>>();
    assert!(last[0].ends_with(&format!(
        "alarm: {slice} is poisoned: its owners crashed one after the other"
    )));
    assert!(last[1].ends_with("target: an operator froze the target"), "{last:?}");
}

#[test]
fn a_moving_slice_shows_how_warm_its_next_owner_is() {
    let mut story = TargetStory::with_pods(2);
    story.warms_up = false;
    let drained = story.applied(ChangeKind::DrainPod { name: pod_name(0) });
    story.step(drained);
    story.pass_with_heartbeats(Duration::from_secs(2), 0..2);
    let warming = overview(&mut story).warming;
    let ((start, to), progress) = warming.iter().find(|(_, progress)| !progress.is_queued).unwrap();
    assert_eq!((to, progress.source.as_ref()), (&pod_name(1), Some(&pod_name(0))));
    let text = explained_slice(&mut story, &Subject::Key(start.clone())).to_string();
    assert!(text.contains("pod-0 serves it until its successor is warm"), "{text}");
    assert!(
        text.contains("pod-1 warms it up: 0 % warm, from pod-0, serves in "),
        "{text}"
    );
    assert!(text.contains("it is moving to pod-1"), "{text}");
}

#[test]
fn a_pod_is_explained_by_its_condition_its_slices_and_its_last_moves() {
    let (mut story, _) = story_of_a_death();
    let drained = story.applied(ChangeKind::DrainPod { name: pod_name(2) });
    story.step(drained);
    let explained = SubjectExplanation::try_of(&overview(&mut story), &Subject::Pod(pod_name(2))).unwrap();
    let text = explained.to_string();
    assert!(
        text.starts_with("pod pod-2 drains: its slices move to other pods\n"),
        "{text}"
    );
    assert!(
        text.contains(" moved to pod-2 with 0.0/s because it had no owner"),
        "{text}"
    );
    assert!(
        text.contains("0.0/s now, 0.0/s to plan by; 0 % of its capacity 100000.0/s"),
        "{text}"
    );
}

#[test]
fn a_range_of_several_slices_and_an_unknown_pod_are_refused_with_the_alternatives() {
    let mut story = TargetStory::with_pods(2);
    let overview = overview(&mut story);
    let refused = |subject| SubjectExplanation::try_of(&overview, &subject).unwrap_err().to_string();
    let count = overview.inputs.assignment.slices().slice_count();
    let several = refused(Subject::Slice(Slice::FULL));
    let expected = format!("[\"\", inf) covers {count} slices; ask about one of them, the first is ");
    assert!(several.starts_with(&expected), "{several}");
    let unknown = refused(Subject::Pod(pod_name(7)));
    assert_eq!(unknown, "there is no pod pod-7; the pods are pod-0, pod-1");
}

#[test]
fn incidents_are_numbered_and_continue_after_the_last_known_one() {
    let (mut story, _) = story_of_a_death();
    let incidents = incidents_after(&mut story, 0);
    assert_eq!(
        incidents[0],
        "1 leader: this leader began; of earlier events it knows the decisions"
    );
    assert_eq!(incidents[1], "2 pod: pod-0 joined at 127.0.0.1:8000");
    let died = incidents
        .iter()
        .position(|line| line.ends_with("pod: pod-1 was declared dead"));
    let died = died.expect("the death is an incident");
    let later = incidents_after(&mut story, died as u64 + 1);
    assert_eq!(later, incidents[died + 1..]);
    assert!(
        later[0].contains("decision: generation 2: 43 slices moved"),
        "{later:?}"
    );
}

#[test]
fn the_next_leader_knows_the_decisions_of_the_last_one_and_their_reasons() {
    let (mut story, key) = story_of_a_death();
    story.pass(Duration::from_secs(5));
    let before = explained_slice(&mut story, &key);
    let decided = overview(&mut story).decisions;
    let mut next = TargetStory::with_new_leader(story.cluster.clone(), story.now);
    next.pass(Duration::from_secs(60));

    let after = explained_slice(&mut next, &key);
    let moved = |explained: &SliceExplanation| explained.last_move.as_ref().map(|last| last.moved.clone());
    assert!(moved(&after).is_some() && moved(&after) == moved(&before), "{after}");
    let (before, after) = (before.epoch_age.unwrap(), after.epoch_age.unwrap());
    assert_eq!(after, before + Duration::from_secs(60));
    assert_eq!(overview(&mut next).decisions[..decided.len()], decided);
    let incidents = incidents_after(&mut next, 0);
    assert!(incidents[0].starts_with("1 decision: generation 1: "), "{incidents:?}");
    assert_eq!(
        incidents[decided.len()],
        format!("{} leader: {}", decided.len() + 1, IncidentKind::LeaderStarted)
    );
}

#[test]
fn decisions_from_a_clock_that_is_ahead_are_shown_as_new() {
    let (story, key) = story_of_a_death();
    let mut next = TargetStory::with_new_leader(story.cluster, Timestamp::ZERO);
    let age = explained_slice(&mut next, &key).epoch_age;
    assert_eq!(age, Some(Duration::ZERO));
}
