//! Explanations: the last decisions of a brain with their reasons, and what delays the next one.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::decision_history::AppliedDecision;
use super::journal::ReportWithMoves;
use super::pacing::{KeepReason, Verdict};
use super::trouble::{Seconds, Trouble};
use crate::balancer::{DecisionReport, Scope};
use crate::time::Timestamp;

/// The last decisions, and what delays the next one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// When the query was answered.
    pub now: Timestamp,
    /// The current activity of the brain, or the reason why it waits.
    pub status: DecisionStatus,
    /// The pod failures to be reported to operators.
    pub troubles: Vec<Trouble>,
    /// The last decisions that took effect, oldest first.
    pub decisions: Vec<AppliedDecision>,
    /// The last decision that changed nothing, if it is newer than those.
    pub idle: Option<Arc<DecisionReport>>,
}

/// The current activity of a brain, or the reason why it waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecisionStatus {
    /// A change is being replicated.
    Proposing,
    /// The replication of a change has failed.
    RetryingProposal {
        /// When it is proposed again.
        after: Duration,
    },
    /// Pods that registered, drain or died, or poisoned keys, are being recorded in the replicated state.
    Registering,
    /// A decision is being made.
    Deciding {
        /// The permitted kinds of changes.
        scope: Scope,
    },
    /// The assignment is kept.
    Keeping {
        /// The condition that prevents a decision.
        reason: KeepReason,
        /// When the brain checks again at the latest; `None` if only after an event.
        check_after: Option<Duration>,
    },
}

impl DecisionStatus {
    pub(super) fn of(verdict: Verdict, now: Timestamp) -> Self {
        match verdict {
            Verdict::Decide(scope) => Self::Deciding { scope },
            Verdict::Keep { reason, check_at } => Self::Keeping {
                reason,
                check_after: (check_at != Timestamp::NEVER).then(|| check_at.since(now)),
            },
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for applied in &self.decisions {
            let AppliedDecision { generation, report } = applied;
            let age = Seconds(self.now.since(report.decided_at));
            writeln!(f, "generation {generation}, {age} ago: {}\n", ReportWithMoves(report))?;
        }
        if let Some(report) = &self.idle {
            let age = Seconds(self.now.since(report.decided_at));
            writeln!(f, "nothing had to change {age} ago: {}\n", ReportWithMoves(report))?;
        }
        for trouble in &self.troubles {
            writeln!(f, "trouble: {trouble}\n")?;
        }
        writeln!(f, "now: {}", self.status)
    }
}

impl fmt::Display for DecisionStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DecisionStatus::Proposing => f.write_str("a change is being replicated"),
            DecisionStatus::RetryingProposal { after } => {
                write!(
                    f,
                    "a change could not be replicated, the next try is in {}",
                    Seconds(*after)
                )
            }
            DecisionStatus::Registering => f.write_str("registrations, drains and deaths of pods are being recorded"),
            DecisionStatus::Deciding { scope: Scope::Repair } => {
                f.write_str("slices are being given to pods that may own them")
            }
            DecisionStatus::Deciding { scope: Scope::Balance } => f.write_str("the load is being balanced"),
            DecisionStatus::Keeping { reason, check_after } => {
                write!(f, "nothing is decided: {reason}")?;
                match check_after {
                    Some(after) => write!(f, "; the next check is in {} at the latest", Seconds(*after)),
                    None => Ok(()),
                }
            }
        }
    }
}
