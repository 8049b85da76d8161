//! The move history: the recent moves for balance.

use std::collections::VecDeque;
use std::time::Duration;

use super::decision::DecisionReport;
use crate::keyspace::Slice;
use crate::time::Timestamp;

/// Decisions this close to each other are one round.
pub(super) const ROUND: Duration = Duration::from_secs(1);
/// How long a move is kept: the period of the longer budget.
pub(super) const MEMORY: Duration = Duration::from_secs(600);

/// The voluntary moves of the last ten minutes, the basis of budgets and cooldowns. The leader keeps one for each target; a
/// new leader starts with an empty one, which allows everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MoveHistory {
    /// Moves within [`MEMORY`], oldest first.
    entries: VecDeque<PastMove>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct PastMove {
    at: Timestamp,
    slice: Slice,
    /// The moved part of the total load, in millionths, rounded up.
    share: u64,
}

impl MoveHistory {
    /// Records the moves of a decision that took effect.
    pub fn record(&mut self, report: &DecisionReport) {
        let total = u128::from(report.total.milli()).max(1);
        let voluntary = report.moves.iter().filter(|moved| moved.cause.is_voluntary());
        self.entries.extend(voluntary.map(|moved| PastMove {
            at: report.decided_at,
            slice: moved.slice.clone(),
            share: u64::try_from((u128::from(moved.load.milli()) * 1_000_000).div_ceil(total)).unwrap_or(u64::MAX),
        }));
        let is_forgotten = |entry: &PastMove| report.decided_at.since(entry.at) > MEMORY;
        while self.entries.front().is_some_and(is_forgotten) {
            self.entries.pop_front();
        }
    }

    /// The part of the total load that moved in this period before `now`, in millionths.
    #[must_use]
    pub fn moved_within(&self, period: Duration, now: Timestamp) -> u64 {
        let recent = self
            .entries
            .iter()
            .rev()
            .take_while(|entry| now.since(entry.at) < period);
        recent.map(|entry| entry.share).sum()
    }

    /// When keys of this slice moved last.
    #[must_use]
    pub fn last_move_of(&self, slice: &Slice) -> Option<Timestamp> {
        let mut newest = self.entries.iter().rev();
        let of_slice = newest.find(|entry| entry.slice.intersection(slice).is_some());
        of_slice.map(|entry| entry.at)
    }

    /// The slices that moved in this period before `now`, newest first.
    pub fn slices_within(&self, period: Duration, now: Timestamp) -> impl Iterator<Item = &Slice> {
        let recent = self
            .entries
            .iter()
            .rev()
            .take_while(move |entry| now.since(entry.at) < period);
        recent.map(|entry| &entry.slice)
    }
}
