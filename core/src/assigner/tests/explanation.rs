//! Explanations and what-if decisions for operators.

use super::story::TargetStory;
use crate::assigner::*;
use crate::balancer::MoveCause;
use crate::pod::fixtures::pod;

#[test]
fn an_explanation_lists_decisions_and_what_delays_the_next_one() {
    let mut story = TargetStory::with_pods(3);
    story.step(TargetEvent::SessionClosed { session: SessionId(1) });
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
        "nothing is decided: pods joined or left, and the load has to be measured again; the next check is in 15.0 s at the latest"
    );

    let text = story.explanation().to_string();
    assert!(text.starts_with("generation 1, 0.7 s ago: "), "{text}");
    assert!(text.ends_with(&format!("\n\nnow: {status}\n")), "{text}");

    let frozen = story.applied(ChangeKind::Freeze { is_frozen: true });
    story.step(frozen);
    let status = story.explanation().status.to_string();
    assert_eq!(status, "nothing is decided: an operator has frozen the target");
}

#[test]
fn a_what_if_decision_changes_nothing() {
    let mut story = TargetStory::with_pods(3);
    let before = story.state();
    let inputs = story.inputs();
    assert_eq!(inputs.decide().next, None, "nothing has to change");
    let without = inputs.without(&pod(1).name).decide();
    assert_eq!(without.report.moves.len(), 43);
    assert_eq!(without.next.map(|next| next.pods().len()), Some(2));
    assert_eq!(story.state(), before);
}
