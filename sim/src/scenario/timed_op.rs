//! An operation of a scenario at its time.

use std::time::Duration;

use super::scenario_op::ScenarioOp;

/// One execution of an operation; an `every` line makes one for each repetition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TimedOp {
    /// Since the scenario began.
    pub(super) at: Duration,
    pub(super) op: ScenarioOp,
    /// The line it was written on, counted from 1, for errors.
    pub(super) line: usize,
}
