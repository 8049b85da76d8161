//! What only a whole cluster can tell.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

/// How a trace went between its ticks. Times are in milliseconds, shares of all load; the first minute does not count.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MeasuredFigures {
    /// For how long some key that was asked for had no pod that answered.
    pub uncovered_ms: u64,
    /// The units of load that were not answered.
    pub unanswered_units: u64,
    /// The share of load that lost an owner which left.
    pub owners_left: f64,
    /// The share of load that lost an owner which stayed.
    pub owners_stayed: f64,
    /// For how long pods were above the tolerance that could have been within it.
    pub over_band_ms: u64,
    /// The steps of the load that pushed pods above the tolerance.
    pub load_steps: Vec<LoadStep>,
    /// How long the slowest of these steps took to cure; nothing where one never was.
    pub hot_key_cured_after_ms: Option<u64>,
}

/// A step of the load that pushed a pod above the tolerance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct LoadStep {
    /// When it was, in milliseconds since the trace began.
    pub at_ms: u64,
    /// How long it took until all pods were within the tolerance that can be; nothing where they never were.
    pub cured_after_ms: Option<u64>,
}

pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl fmt::Display for MeasuredFigures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (uncovered, units) = (self.uncovered_ms, self.unanswered_units);
        writeln!(
            f,
            "some key had no owner for {uncovered} ms in all, {units} units of load were not answered"
        )?;
        let (left, stayed) = (self.owners_left, self.owners_stayed);
        writeln!(
            f,
            "load that lost an owner which left {left:.3}, which stayed {stayed:.3}, in all"
        )?;
        write!(f, "over band for {} ms in all; ", self.over_band_ms)?;
        match (self.load_steps.as_slice(), self.hot_key_cured_after_ms) {
            ([], _) => writeln!(f, "no step of the load pushed a pod over it"),
            (steps, Some(slowest)) => {
                writeln!(
                    f,
                    "{} steps of the load pushed pods over it, the slowest cure took {slowest} ms",
                    steps.len()
                )
            }
            (steps, None) => writeln!(
                f,
                "{} steps of the load pushed pods over it, one was never cured",
                steps.len()
            ),
        }
    }
}
