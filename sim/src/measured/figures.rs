//! The figures that only a simulated cluster yields.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

/// The figures of a trace between its ticks. Times are in milliseconds, shares are of all load; the first minute does not count.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MeasuredFigures {
    /// The time in which some key with load had no serving pod.
    pub uncovered_ms: u64,
    /// The units of load that were not served.
    pub unanswered_units: u64,
    /// The share of load whose owner left.
    pub owners_left: f64,
    /// The share of load that moved away from an owner that stayed.
    pub owners_stayed: f64,
    /// The time in which some pod avoidably exceeded the tolerance.
    pub over_band_ms: u64,
    /// The load changes that pushed a pod above the tolerance.
    pub load_steps: Vec<LoadStep>,
    /// The longest recovery from such a change; `None` if one was never recovered from.
    pub hot_key_cured_after_ms: Option<u64>,
}

/// A load change that pushed a pod above the tolerance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct LoadStep {
    /// In milliseconds since the trace began.
    pub at_ms: u64,
    /// The time until all pods were within the tolerance again; `None` if they never were.
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
            "some key had no owner for {uncovered} ms in total, {units} units of load were not served"
        )?;
        let (left, stayed) = (self.owners_left, self.owners_stayed);
        writeln!(f, "share of load moved: owner left {left:.3}, owner stayed {stayed:.3}")?;
        write!(f, "over band for {} ms in total; ", self.over_band_ms)?;
        match (self.load_steps.as_slice(), self.hot_key_cured_after_ms) {
            ([], _) => writeln!(f, "no load step pushed a pod over it"),
            (steps, Some(slowest)) => {
                writeln!(
                    f,
                    "{} load steps pushed pods over it, the slowest recovery took {slowest} ms",
                    steps.len()
                )
            }
            (steps, None) => writeln!(
                f,
                "{} load steps pushed pods over it, one was never recovered from",
                steps.len()
            ),
        }
    }
}
