//! What operators are told.

use super::story::TargetStory;
use crate::assigner::*;
use crate::balancer::MoveCause;
use crate::pod::fixtures::pod;

#[test]
fn decisions_are_explained_with_what_keeps_the_next() {
    let mut story = TargetStory::with_pods(3);
    story.tell(TargetEvent::SessionClosed { session: SessionId(1) });
    story.probed(&pod(1), ProbeOutcome::Refused);
    let Explanation { status, decisions, .. } = story.explanation();
    let generations: Vec<_> = decisions.iter().map(|decided| decided.generation.number()).collect();
    assert_eq!(generations, [1, 2]);
    let moved = &decisions[1].report.moves;
    assert!(
        moved.iter().all(|moved| moved.cause == MoveCause::Missing) && moved.len() == 43,
        "{moved:?}"
    );
    assert_eq!(
        status.to_string(),
        "nothing is decided: pods came or went, and the load has to be measured anew; the next look is in 15.0 s at the latest"
    );

    let text = story.explanation().to_string();
    assert!(text.starts_with("generation 1, 0.7 s ago: "), "{text}");
    assert!(text.ends_with(&format!("\n\nnow: {status}\n")), "{text}");

    let frozen = story.applied(ChangeKind::Freeze { is_frozen: true });
    story.tell(frozen);
    let status = story.explanation().status.to_string();
    assert_eq!(status, "nothing is decided: an operator has frozen the target");
}

#[test]
fn what_would_be_done_without_a_pod_is_told_and_not_done() {
    let mut story = TargetStory::with_pods(3);
    let before = story.state();
    let inputs = story.inputs();
    assert_eq!(inputs.decide().next, None, "all is well");
    let without = inputs.without(&pod(1).name).decide();
    assert_eq!(without.report.moves.len(), 43);
    assert_eq!(without.next.map(|next| next.pods().len()), Some(2));
    assert_eq!(story.state(), before);
}
