//! Questions to a brain: what it knows beyond the replicated state, told without changing anything.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::journal::{AppliedDecision, ReportWithMoves};
use super::pacing::{KeepReason, Verdict};
use super::trouble::{Seconds, Trouble};
use crate::assignment::Assignment;
use crate::balancer::{BalancerSettings, Decision, DecisionReport, Scope, Signals, decide};
use crate::pod::PodName;
use crate::time::Timestamp;

/// One question; the hands draw a new number for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct QueryId(pub u64);

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Query {
    /// What was decided lately, and what keeps the next decision.
    Explain {
        /// How many decisions to tell, at most.
        last: usize,
    },
    /// All that a decision would go by now.
    DecisionInputs,
}

/// What the brain answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueryReply {
    /// To [`Query::Explain`].
    Explanation(Explanation),
    /// To [`Query::DecisionInputs`].
    DecisionInputs(Box<DecisionInputs>),
}

/// What was decided lately, and what keeps the next decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// When it was asked for.
    pub now: Timestamp,
    /// What the brain is about.
    pub status: DecisionStatus,
    /// What is wrong with the pods.
    pub troubles: Vec<Trouble>,
    /// The last decisions that took effect, oldest first.
    pub decisions: Vec<Arc<AppliedDecision>>,
    /// The last decision that changed nothing, if it was made after those.
    pub idle: Option<Arc<DecisionReport>>,
}

/// What the brain is about, and what keeps it from deciding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecisionStatus {
    /// A change is on its way to the other members.
    Proposing,
    /// A proposal has failed.
    RetryingProposal {
        /// When the next is made.
        after: Duration,
    },
    /// Pods have registered, want to drain or have died, or keys are found to be poisoned.
    Registering,
    /// It decides.
    Deciding {
        /// What the decision may change.
        scope: Scope,
    },
    /// Nothing is decided.
    Keeping {
        /// Why not.
        reason: KeepReason,
        /// When it looks again at the latest, if ever by itself.
        look_again: Option<Duration>,
    },
}

impl DecisionStatus {
    pub(super) fn of(verdict: Verdict, now: Timestamp) -> Self {
        match verdict {
            Verdict::Decide(scope) => Self::Deciding { scope },
            Verdict::Keep { reason, look_again } => Self::Keeping {
                reason,
                look_again: (look_again != Timestamp::NEVER).then(|| look_again.since(now)),
            },
        }
    }
}

/// All that a decision goes by, as a copy to try things on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecisionInputs {
    /// Who owns what.
    pub assignment: Arc<Assignment>,
    /// What is known of pods and load.
    pub signals: Signals,
    /// What the target's owner chose.
    pub settings: BalancerSettings,
    /// When it was copied.
    pub now: Timestamp,
}

impl DecisionInputs {
    /// The same, had the pod just died.
    #[must_use]
    pub fn without(mut self, pod: &PodName) -> Self {
        self.signals.pods.remove(pod);
        self
    }

    /// The same, if a decision may change this.
    #[must_use]
    pub fn within(mut self, scope: Scope) -> Self {
        self.signals.scope = scope;
        self
    }

    /// What would be decided.
    pub fn decide(&self) -> Decision {
        decide(&self.assignment, &self.signals, &self.settings, self.now)
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for decided in &self.decisions {
            let AppliedDecision { generation, report } = decided.as_ref();
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
            DecisionStatus::Registering => f.write_str("what pods did is being noted"),
            DecisionStatus::Deciding { scope: Scope::Repair } => {
                f.write_str("slices are being given to pods that may own them")
            }
            DecisionStatus::Deciding { scope: Scope::Balance } => f.write_str("the load is being balanced"),
            DecisionStatus::Keeping { reason, look_again } => {
                write!(f, "nothing is decided: {reason}")?;
                match look_again {
                    Some(after) => write!(f, "; the next look is in {} at the latest", Seconds(*after)),
                    None => Ok(()),
                }
            }
        }
    }
}
