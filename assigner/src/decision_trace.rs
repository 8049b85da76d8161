//! Spans of decisions, and of the proposals that carry them out. They are rare, so that each is recorded.

use emberkeep_core::assigner::{Applied, Change, ChangeKind};
use emberkeep_core::target::TargetName;
use emberkeep_runtime::trace_context::ALWAYS_RECORDED;
use tracing::field::Empty;
use tracing::{Instrument, Span, debug_span};

use crate::raft::ProposeError;

/// Records a decision with its reasons. It has no duration: the brain has decided in one step.
pub(crate) fn record_decision(target: &TargetName, report: &impl std::fmt::Display) {
    let _decision = debug_span!(target: ALWAYS_RECORDED, "emberkeep.decision", target = %target, report = %report);
}

/// The span of a proposal: from the brain's decision until a quorum has stored the change.
pub(crate) fn proposal_span(change: &Change) -> Span {
    debug_span!(
        target: ALWAYS_RECORDED,
        "emberkeep.proposal",
        otel.status_code = Empty,
        target = %change.target,
        change = label_of(&change.kind),
        generation = generation_of(&change.kind),
        outcome = Empty,
    )
}

/// Waits for the proposal in its span.
pub(crate) async fn in_proposal(
    span: Span,
    proposal: impl Future<Output = Result<Applied, ProposeError>>,
) -> Result<Applied, ProposeError> {
    let outcome = proposal.instrument(span.clone()).await;
    match &outcome {
        Ok(Applied::Done) => span.record("outcome", "done"),
        Ok(Applied::Unchanged) => span.record("outcome", "unchanged"),
        Ok(Applied::Rejected(rejection)) => span.record("outcome", rejection.to_string()),
        Err(error) => {
            span.record("otel.status_code", "ERROR");
            span.record("outcome", error.to_string())
        }
    };
    outcome
}

const fn label_of(kind: &ChangeKind) -> &'static str {
    match kind {
        ChangeKind::CreateTarget { .. } => "create_target",
        ChangeKind::ConfigureTarget { .. } => "configure_target",
        ChangeKind::RegisterPod { .. } => "register_pod",
        ChangeKind::DrainPod { .. } => "drain_pod",
        ChangeKind::RemovePod { .. } => "remove_pod",
        ChangeKind::Assign { .. } => "assign",
        ChangeKind::Freeze { .. } => "freeze",
        ChangeKind::Pin { .. } => "pin",
        ChangeKind::Unpin { .. } => "unpin",
        ChangeKind::Poison { .. } => "poison",
        ChangeKind::Release { .. } => "release",
    }
}

/// The generation of the assignment that the change makes.
fn generation_of(kind: &ChangeKind) -> Option<i64> {
    match kind {
        ChangeKind::Assign { diff, .. } => Some(diff.generation.number()),
        ChangeKind::CreateTarget { .. }
        | ChangeKind::ConfigureTarget { .. }
        | ChangeKind::RegisterPod { .. }
        | ChangeKind::DrainPod { .. }
        | ChangeKind::RemovePod { .. }
        | ChangeKind::Freeze { .. }
        | ChangeKind::Pin { .. }
        | ChangeKind::Unpin { .. }
        | ChangeKind::Poison { .. }
        | ChangeKind::Release { .. } => None,
    }
}
