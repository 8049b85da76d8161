//! The decision journal: the decision that a brain has proposed, the last one that changed nothing, and recent moves.

use std::fmt;
use std::sync::Arc;

use super::decision_history::AppliedDecision;
use crate::assignment::{Assignment, Generation};
use crate::balancer::{DecisionReport, MoveHistory};
use crate::time::Timestamp;

/// The most moves of one decision that are printed.
const PRINTED_MOVES_MAX: usize = 20;

/// What this leader remembers of its own decisions beside the replicated history; a new leader starts without it.
#[derive(Debug, Default)]
pub(super) struct DecisionJournal {
    /// Proposed, but not applied yet.
    proposed: Option<AppliedDecision>,
    /// The last decision that changed nothing.
    idle: Option<Arc<DecisionReport>>,
    recent_moves: MoveHistory,
}

impl DecisionJournal {
    /// Records a decision that is being replicated.
    pub(super) fn on_proposal(&mut self, generation: Generation, report: Arc<DecisionReport>) {
        self.proposed = Some(AppliedDecision { generation, report });
    }

    /// Records a decision that changed nothing.
    pub(super) fn on_idle_decision(&mut self, report: DecisionReport) {
        self.idle = Some(Arc::new(report));
    }

    /// Follows a new assignment. The proposed decision took effect if the generations are equal: only the leader decides,
    /// and the journal ends with the leadership. Returns a decision that has just taken effect.
    pub(super) fn observe(&mut self, assignment: &Assignment) -> Option<AppliedDecision> {
        let is_settled = |proposed: &mut AppliedDecision| proposed.generation <= assignment.generation();
        let settled = self.proposed.take_if(is_settled);
        let decided = settled.filter(|decided| decided.generation == assignment.generation())?;
        self.recent_moves.record(&decided.report);
        Some(decided)
    }

    /// The last decision that changed nothing, if none with an effect was made after it.
    pub(super) fn last_idle(&self, newest: Option<Timestamp>) -> Option<Arc<DecisionReport>> {
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
        let shown = report.moves.len().min(PRINTED_MOVES_MAX);
        match report.move_count() - shown {
            0 => Ok(()),
            more => write!(f, "\n  and {more} more"),
        }
    }
}

#[cfg(test)]
pub(super) mod fixtures {
    use super::*;
    use crate::balancer::{Balance, Move, MoveCause, Scope, SearchStats};
    use crate::keyspace::Slice;
    use crate::load::Load;
    use crate::pod::fixtures::pod_name;

    /// A report of equal moves for balance, each of a tenth of all load.
    pub(in crate::assigner) fn report(second: u64, move_count: usize) -> DecisionReport {
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
            omitted: std::collections::BTreeMap::new(),
            total: Load::from_units(30),
            split_count: 0,
            merge_count: 0,
            search: SearchStats::default(),
            before: Balance::default(),
            after: Balance::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::fixtures::report;
    use super::*;
    use crate::assignment::{Proposal, ReplicaSet};
    use crate::keyspace::SliceMap;
    use crate::pod::fixtures::pod;

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
    fn a_decision_is_returned_and_counted_once_it_is_applied() {
        let (before, after) = (at_generation(1), at_generation(2));
        let mut journal = DecisionJournal::default();
        journal.on_proposal(after.generation(), Arc::new(report(1, 1)));
        assert_eq!(journal.observe(&before), None);
        let applied = journal.observe(&after).map(|decided| decided.generation);
        assert_eq!(applied, Some(after.generation()));
        assert_eq!(journal.observe(&after), None);
        let moved = journal
            .recent_moves()
            .moved_within(std::time::Duration::from_secs(60), Timestamp::from_millis(2_000));
        assert_eq!(moved, 100_000, "a tenth of all load");
    }

    #[test]
    fn a_decision_that_was_overtaken_is_not_returned() {
        let mut journal = DecisionJournal::default();
        journal.on_proposal(at_generation(2).generation(), Arc::new(report(1, 1)));
        assert_eq!(journal.observe(&at_generation(3)), None);
    }

    #[test]
    fn a_report_shows_its_first_moves_and_counts_the_others() {
        let text = ReportWithMoves(&report(0, 22)).to_string();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 22);
        assert_eq!(lines[1], "  [\"\", inf): to pod-1 with 3.0/s, gain 3.0/s (imbalance)");
        assert_eq!(lines[21], "  and 2 more");
        assert_eq!(ReportWithMoves(&report(0, 22).limited(21)).to_string(), text);
        assert!(
            ReportWithMoves(&report(0, 22).limited(4))
                .to_string()
                .ends_with("\n  and 18 more")
        );
    }
}
