//! The overview of a target: everything that explains where its slices are, as a copy for queries.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::decision_history::AppliedDecision;
use super::decision_inputs::DecisionInputs;
use super::explanation::DecisionStatus;
use super::handoff::WarmingProgress;
use super::trouble::Trouble;
use crate::keyspace::SliceKey;
use crate::pod::PodName;
use crate::quantity_text::ReadableDuration;

/// What the leading brain knows about a target at one time. Explanations are computed from it outside of the brain, because
/// for a large target that takes longer than a step may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetOverview {
    /// The assignment, the load, pins and recent moves, and the time of the copy.
    pub inputs: DecisionInputs,
    /// Whether an operator has frozen the target.
    pub is_frozen: bool,
    /// The current activity of the brain, or the reason why it waits.
    pub status: DecisionStatus,
    /// The pod failures to be reported to operators.
    pub troubles: Vec<Trouble>,
    /// The decisions that took effect, oldest first.
    pub decisions: Vec<AppliedDecision>,
    /// The registered pods, and whether they can own slices.
    pub pods: BTreeMap<PodName, PodCondition>,
    /// The warming replicas, by the start of the slice and the pod.
    pub warming: BTreeMap<(SliceKey, PodName), WarmingProgress>,
}

/// Whether a registered pod can own slices, or why not; the most urgent reason counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PodCondition {
    /// It owns slices, or gets some.
    Ready,
    /// Its last heartbeat reported that it is not ready for slices yet.
    Starting,
    /// All its slices move to other pods.
    Draining,
    /// It died repeatedly and gets no slices for a while.
    HeldBack {
        /// How much longer it gets no slices.
        remaining: Duration,
    },
    /// It is registered, but has no session with this leader yet.
    Awaited,
    /// Its session broke, or its heartbeats are missing: it is probed.
    Suspect,
}

impl PodCondition {
    /// The condition in one word, for tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            PodCondition::Ready => "ready",
            PodCondition::Starting => "starting",
            PodCondition::Draining => "draining",
            PodCondition::HeldBack { .. } => "held-back",
            PodCondition::Awaited => "awaited",
            PodCondition::Suspect => "suspect",
        }
    }
}

impl fmt::Display for PodCondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PodCondition::Ready => f.write_str("is ready"),
            PodCondition::Starting => f.write_str("is starting and gets no slices yet"),
            PodCondition::Draining => f.write_str("drains: its slices move to other pods"),
            PodCondition::HeldBack { remaining } => write!(
                f,
                "died repeatedly and gets no slices for another {}",
                ReadableDuration(*remaining)
            ),
            PodCondition::Awaited => f.write_str("has not connected to this leader yet"),
            PodCondition::Suspect => f.write_str("is suspected: its session or its heartbeats are missing"),
        }
    }
}
