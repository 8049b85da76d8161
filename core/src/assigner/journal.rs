//! The decision journal: the last decisions that took effect, with their reasons.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use crate::assignment::{Assignment, Generation};
use crate::balancer::{DecisionReport, MoveHistory};

/// The most decisions that are kept.
const DECISIONS_MAX: usize = 1_000;
/// The most moves of all kept decisions together: a few huge decisions must not fill the memory.
const MOVES_MAX: usize = 100_000;
/// The most moves of one decision that are printed.
const PRINTED_MOVES_MAX: usize = 20;

/// A decision that took effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppliedDecision {
    /// The generation of the assignment that it led to.
    pub generation: Generation,
    /// The moves, and their reasons.
    pub report: DecisionReport,
}

/// The decisions of this leader; a new leader starts with an empty journal.
#[derive(Debug, Default)]
pub(super) struct DecisionJournal {
    /// Proposed, but not applied yet.
    proposed: Option<AppliedDecision>,
    /// The decisions that took effect, oldest first.
    decisions: VecDeque<Arc<AppliedDecision>>,
    move_count: usize,
    /// The last decision that changed nothing.
    idle: Option<Arc<DecisionReport>>,
    recent_moves: MoveHistory,
}

impl DecisionJournal {
    /// Records a decision that is being replicated.
    pub(super) fn on_proposal(&mut self, generation: Generation, report: DecisionReport) {
        self.proposed = Some(AppliedDecision { generation, report });
    }

    /// Records a decision that changed nothing.
    pub(super) fn on_idle_decision(&mut self, report: DecisionReport) {
        self.idle = Some(Arc::new(report));
    }

    /// Follows a new assignment. The proposed decision took effect if the generations are equal: only the leader decides,
    /// and the journal ends with the leadership. Returns a decision that has just taken effect.
    pub(super) fn observe(&mut self, assignment: &Assignment) -> Option<Arc<AppliedDecision>> {
        let is_settled = |proposed: &mut AppliedDecision| proposed.generation <= assignment.generation();
        let settled = self.proposed.take_if(is_settled);
        let decided = settled.filter(|decided| decided.generation == assignment.generation())?;
        self.recent_moves.record(&decided.report);
        let decided = Arc::new(decided);
        self.push(Arc::clone(&decided));
        Some(decided)
    }

    fn push(&mut self, decided: Arc<AppliedDecision>) {
        self.move_count += decided.report.moves.len();
        self.decisions.push_back(decided);
        while self.decisions.len() > DECISIONS_MAX || (self.move_count > MOVES_MAX && self.decisions.len() > 1) {
            let oldest = self.decisions.pop_front().expect("there is more than one");
            self.move_count -= oldest.report.moves.len();
        }
    }

    /// The last `count` decisions, oldest first.
    pub(super) fn last(&self, count: usize) -> Vec<Arc<AppliedDecision>> {
        let first = self.decisions.len().saturating_sub(count);
        self.decisions.range(first..).cloned().collect()
    }

    /// The last decision that changed nothing, if it is newer than all that did.
    pub(super) fn last_idle(&self) -> Option<Arc<DecisionReport>> {
        let newest = self.decisions.back().map(|decided| decided.report.decided_at);
        let is_newer = |report: &&Arc<DecisionReport>| newest.is_none_or(|newest| newest <= report.decided_at);
        self.idle.as_ref().filter(is_newer).cloned()
    }

    /// The recent moves for balance.
    pub(super) const fn recent_moves(&self) -> &MoveHistory {
        &self.recent_moves
    }
}

/// Prints a report with its first moves, one a line.
#[derive(Debug)]
pub struct ReportWithMoves<'a>(pub &'a DecisionReport);

impl fmt::Display for ReportWithMoves<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(report) = self;
        write!(f, "{report}")?;
        for moved in report.moves.iter().take(PRINTED_MOVES_MAX) {
            write!(f, "\n  {moved}")?;
        }
        match report.moves.len().saturating_sub(PRINTED_MOVES_MAX) {
            0 => Ok(()),
            more => write!(f, "\n  and {more} more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assignment::{Proposal, ReplicaSet};
    use crate::balancer::{Balance, Move, MoveCause, Scope, SearchStats};
    use crate::keyspace::{Slice, SliceMap};
    use crate::load::Load;
    use crate::pod::fixtures::{pod, pod_name};
    use crate::time::Timestamp;

    fn report(second: u64, move_count: usize) -> DecisionReport {
        let moved = Move {
            slice: Slice::FULL,
            from: None,
            to: pod_name(1),
            load: Load::from_units(3),
            gain: Load::from_units(3),
            cause: MoveCause::Imbalance,
        };
        DecisionReport {
            switch_count: 0,
            decided_at: Timestamp::from_millis(second * 1_000),
            scope: Scope::Balance,
            moves: vec![moved; move_count],
            total: Load::from_units(30),
            split_count: 0,
            merge_count: 0,
            search: SearchStats::default(),
            before: Balance::default(),
            after: Balance::default(),
        }
    }

    /// The assignment after `count` changes of it.
    fn at_generation(count: usize) -> Assignment {
        let mut assignment = Assignment::unassigned();
        for number in 0..count {
            let mut replicas = ReplicaSet::none();
            if number % 2 == 0 {
                replicas.set(0_usize.into(), crate::assignment::Phase::Serving);
            }
            let proposal = Proposal {
                pods: vec![pod(1)],
                slices: SliceMap::full(replicas),
            };
            assignment = proposal.after(&assignment).unwrap();
        }
        assignment
    }

    #[test]
    fn a_decision_is_kept_and_counted_once_it_is_applied() {
        let (before, after) = (at_generation(1), at_generation(2));
        let mut journal = DecisionJournal::default();
        journal.on_proposal(after.generation(), report(1, 1));
        journal.observe(&before);
        assert!(journal.last(10).is_empty());
        journal.observe(&after);
        journal.observe(&after);
        let generations: Vec<_> = journal.last(10).iter().map(|decided| decided.generation).collect();
        assert_eq!(generations, [after.generation()]);
        let moved = journal
            .recent_moves()
            .moved_within(std::time::Duration::from_secs(60), Timestamp::from_millis(2_000));
        assert_eq!(moved, 100_000, "a tenth of all load");
    }

    #[test]
    fn a_decision_that_was_overtaken_is_not_kept() {
        let mut journal = DecisionJournal::default();
        journal.on_proposal(at_generation(2).generation(), report(1, 1));
        journal.observe(&at_generation(3));
        assert!(journal.last(10).is_empty());
    }

    #[test]
    fn the_oldest_decisions_are_dropped_when_there_are_too_many_decisions_or_moves() {
        let mut journal = DecisionJournal::default();
        let keep = |journal: &mut DecisionJournal, second, move_count| {
            let report = report(second, move_count);
            let generation = at_generation(1).generation();
            journal.push(Arc::new(AppliedDecision { generation, report }));
        };
        (0..1_005).for_each(|second| keep(&mut journal, second, 1));
        assert_eq!(journal.last(2_000).len(), 1_000);
        assert_eq!(journal.last(1_000)[0].report.decided_at, Timestamp::from_millis(5_000));
        keep(&mut journal, 2_000, 99_999);
        assert_eq!(journal.last(2_000).len(), 2);
    }

    #[test]
    fn a_report_shows_its_first_moves_and_counts_the_others() {
        let text = ReportWithMoves(&report(0, 22)).to_string();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 22);
        assert_eq!(lines[1], "  [\"\", inf): to pod-1, load 3.000, gain 3.000, imbalance");
        assert_eq!(lines[21], "  and 2 more");
    }
}
