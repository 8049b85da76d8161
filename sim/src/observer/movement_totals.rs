//! Totals of moves by cause, and of churn.

use std::collections::BTreeMap;

use emberkeep_core::assignment::Assignment;
use emberkeep_core::balancer::{DecisionReport, MoveCause};
use emberkeep_core::load::Load;

use super::Churn;
use crate::cluster::Traffic;

/// The moves so far. Loads are in millionths of all load: 1,000,000 is all load, moved once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MovementTotals {
    /// Moves by cause, from the reports of applied decisions.
    pub by_cause: BTreeMap<MoveCause, CauseTotals>,
    /// The number of slices that were split.
    pub split_count: u64,
    /// The load whose owner left.
    pub forced: u64,
    /// The load that moved away from an owner that stayed.
    pub voluntary: u64,
    /// The largest voluntary move of one assignment.
    pub voluntary_at_once_max: u64,
}

/// The moves of one cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CauseTotals {
    /// Slices that got a new owner.
    pub move_count: u64,
    /// The load of the new owners, in millionths of all load.
    pub share: u64,
}

impl MovementTotals {
    /// Adds the moves of a later event to these.
    pub(super) fn add(&mut self, later: &Self) {
        for (cause, of_cause) in &later.by_cause {
            let totals = self.by_cause.entry(*cause).or_default();
            totals.move_count += of_cause.move_count;
            totals.share += of_cause.share;
        }
        self.split_count += later.split_count;
        self.forced += later.forced;
        self.voluntary += later.voluntary;
        self.voluntary_at_once_max = self.voluntary_at_once_max.max(later.voluntary_at_once_max);
    }

    /// Records an applied decision that led to `assignment`.
    pub(super) fn record_decision(&mut self, report: &DecisionReport, assignment: &Assignment, traffic: &Traffic) {
        self.split_count += report.split_count as u64;
        for moved in &report.moves {
            let totals = self.by_cause.entry(moved.cause).or_default();
            totals.move_count += 1;
            let (_, state) = assignment.get(moved.slice.start());
            let replica_count = state.replicas.serving().count().max(1);
            let load = traffic.load_in(&moved.slice).share(1, replica_count as u128);
            totals.share += millionths(load, traffic);
        }
    }

    /// Records the churn of a new assignment of clients.
    pub(super) fn record_churn(&mut self, churn: Churn, traffic: &Traffic) {
        let voluntary = millionths(churn.voluntary, traffic);
        self.forced += millionths(churn.forced, traffic);
        self.voluntary += voluntary;
        self.voluntary_at_once_max = self.voluntary_at_once_max.max(voluntary);
    }
}

fn millionths(load: Load, traffic: &Traffic) -> u64 {
    let total = u128::from(traffic.total().milli()).max(1);
    u64::try_from(u128::from(load.milli()) * 1_000_000 / total).unwrap_or(u64::MAX)
}
