//! The tally: what moved, and why.

use std::collections::BTreeMap;

use emberkeep_core::assignment::Assignment;
use emberkeep_core::balancer::{Cause, Report};
use emberkeep_core::load::Load;

use super::Churn;
use crate::cluster::Traffic;

/// What has moved so far, as parts of all load in millionths: 1,000,000 is all of it, once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MovementTotals {
    /// What the reports of decisions that took effect say.
    pub by_cause: BTreeMap<Cause, CauseTotals>,
    /// How many slices were cut.
    pub split_count: u64,
    /// The load that lost an owner which went.
    pub forced: u64,
    /// The load that lost an owner which stayed.
    pub voluntary: u64,
    /// The largest part that moved at once although its owners stayed.
    pub voluntary_at_once_max: u64,
}

/// What moved for one cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CauseTotals {
    /// How many slices got an owner.
    pub move_count: u64,
    /// The part of all load that the new owners got.
    pub share: u64,
}

impl MovementTotals {
    /// A decision has taken effect, and led to `assignment`.
    pub(super) fn decided(&mut self, report: &Report, assignment: &Assignment, traffic: &Traffic) {
        self.split_count += report.split_count as u64;
        for moved in &report.moves {
            let tally = self.by_cause.entry(moved.cause).or_default();
            tally.move_count += 1;
            let (_, state) = assignment.get(moved.slice.start());
            let replica_count = state.replicas.serving().count().max(1);
            let load = traffic.load_in(&moved.slice).share(1, replica_count as u128);
            tally.share += millionths(load, traffic);
        }
    }

    /// Clients go by another assignment.
    pub(super) fn churned(&mut self, churn: Churn, traffic: &Traffic) {
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
