//! The allowance: how much load may still move for balance.

use super::move_history::{MEMORY, MoveHistory, ROUND};
use crate::load::Load;
use crate::time::Timestamp;

/// At most 9 % of all load moves in one round: what Slicer allows (OSDI '16, section 4.4.1).
const PER_ROUND: u64 = 90_000;
/// At most 30 % of all load moves in ten minutes, so that wrong measurements cannot make every cache cold.
const PER_TEN_MINUTES: u64 = 300_000;
/// Twice as much may move off overloaded pods.
const PER_TEN_MINUTES_OVERLOADED: u64 = 600_000;
/// At most 1 % of all load moves in one round only to merge slices (the same source).
const PER_ROUND_TO_MERGE: u64 = 10_000;

/// The load that may still move, in milli-units a second.
pub(super) struct Allowance {
    /// In the current round.
    round: u128,
    /// In a round in which nothing has moved yet.
    whole_round: u128,
    /// In the current round, only to merge slices.
    merges: u128,
    /// In the current ten minutes.
    period: u128,
    /// In the current ten minutes, off overloaded pods.
    emergency: u128,
    /// Whether nothing has moved in the current round.
    is_untouched: bool,
}

impl Allowance {
    pub(super) fn of(recent_moves: &MoveHistory, total: Load, now: Timestamp) -> Self {
        let total = u128::from(total.milli());
        let part = |limit: u64, spent: u64| total * u128::from(limit.saturating_sub(spent)) / 1_000_000;
        let spent = recent_moves.moved_within(ROUND, now);
        let spent_lately = recent_moves.moved_within(MEMORY, now);
        let is_untouched = recent_moves.slices_within(ROUND, now).next().is_none();
        Self {
            round: part(PER_ROUND, spent),
            whole_round: part(PER_ROUND, 0),
            merges: part(PER_ROUND_TO_MERGE, spent),
            period: part(PER_TEN_MINUTES, spent_lately),
            emergency: part(PER_TEN_MINUTES_OVERLOADED, spent_lately),
            is_untouched,
        }
    }

    /// The used part of what may move in ten minutes, in thousandths.
    pub(super) fn used_thousandths(recent_moves: &MoveHistory, now: Timestamp) -> u64 {
        recent_moves.moved_within(MEMORY, now).saturating_mul(1_000) / PER_TEN_MINUTES
    }

    /// The load of this total that one round may move.
    pub(super) fn of_a_round(total: u128) -> u128 {
        total * u128::from(PER_ROUND) / 1_000_000
    }

    /// Whether a slice of that load may still move. The first slice of a round may exceed the round, since otherwise a key
    /// with a tenth of all load could never move.
    pub(super) fn covers(&self, load: Load, is_overloaded: bool) -> bool {
        let load = u128::from(load.milli());
        let is_first_and_large = self.is_untouched && load > self.whole_round;
        let lately = if is_overloaded { self.emergency } else { self.period };
        (load <= self.round || is_first_and_large) && load <= lately
    }

    /// Whether a slice of that load may still move to be merged, which happens only in rounds without other moves.
    pub(super) fn covers_merge(&self, load: Load) -> bool {
        let load = u128::from(load.milli());
        self.is_untouched && load <= self.merges && load <= self.period
    }

    /// Records a move to merge slices; the round still counts as untouched.
    pub(super) fn record_merge(&mut self, load: Load) {
        let is_untouched = self.is_untouched;
        self.record_move(load);
        self.is_untouched = is_untouched;
    }

    /// Records a move of this load.
    pub(super) fn record_move(&mut self, load: Load) {
        let milli = u128::from(load.milli());
        self.round = self.round.saturating_sub(milli);
        self.merges = self.merges.saturating_sub(milli);
        self.period = self.period.saturating_sub(milli);
        self.emergency = self.emergency.saturating_sub(milli);
        self.is_untouched &= milli == 0;
    }
}
