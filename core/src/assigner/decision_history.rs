//! The decision history: the last decisions of a target with their reasons, replicated so that they outlive their leader.

use std::collections::VecDeque;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::assignment::Generation;
use crate::balancer::DecisionReport;

/// The most decisions that are kept.
const DECISIONS_MAX: usize = 1_000;
/// The most moves of all kept decisions together: about a megabyte in a snapshot.
const MOVES_MAX: usize = 10_000;
/// The most moves that are kept of one decision; the others are counted by cause.
pub(super) const MOVES_OF_DECISION_MAX: usize = 2_000;

/// A decision that took effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppliedDecision {
    /// The generation of the assignment that it led to.
    pub generation: Generation,
    /// The moves, and their reasons.
    pub report: Arc<DecisionReport>,
}

/// The last decisions of a target that took effect, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DecisionHistory {
    decisions: VecDeque<AppliedDecision>,
    move_count: usize,
}

impl DecisionHistory {
    /// Adds the newest decision; the oldest are dropped when there are too many decisions or moves.
    pub(super) fn push(&mut self, decided: AppliedDecision) {
        self.move_count += decided.report.moves.len();
        self.decisions.push_back(decided);
        while self.decisions.len() > DECISIONS_MAX || (self.move_count > MOVES_MAX && self.decisions.len() > 1) {
            let oldest = self.decisions.pop_front().expect("there is more than one");
            self.move_count -= oldest.report.moves.len();
        }
    }

    /// The last `count` decisions, oldest first.
    #[must_use]
    pub fn last(&self, count: usize) -> Vec<AppliedDecision> {
        let first = self.decisions.len().saturating_sub(count);
        self.decisions.range(first..).cloned().collect()
    }

    /// The last decision that took effect; `None` before the first one.
    pub(super) fn newest(&self) -> Option<&AppliedDecision> {
        self.decisions.back()
    }

    /// All kept decisions, oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &AppliedDecision> {
        self.decisions.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assigner::journal::fixtures::report;
    use crate::time::Timestamp;

    #[test]
    fn the_oldest_decisions_are_dropped_when_there_are_too_many_decisions_or_moves() {
        let mut history = DecisionHistory::default();
        let keep = |history: &mut DecisionHistory, second, move_count| {
            history.push(AppliedDecision {
                generation: Generation::NONE,
                report: Arc::new(report(second, move_count)),
            });
        };
        (0..1_005).for_each(|second| keep(&mut history, second, 1));
        assert_eq!(history.last(2_000).len(), 1_000);
        assert_eq!(history.last(1_000)[0].report.decided_at, Timestamp::from_millis(5_000));
        keep(&mut history, 2_000, 9_999);
        assert_eq!(history.last(2_000).len(), 2);
    }
}
