//! The soak: runs cases until one violates an invariant.

use std::fmt;
use std::time::Duration;

use super::Case;
use super::invariant_checker::InvariantViolation;
use super::shrink::shrink;
use super::trial::{attempt, chart_of};
use crate::chart::RunChart;
use crate::observer::figures::counted;

/// The outcome of a soak without a violation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SoakReport {
    /// The number of cases that were run.
    pub case_count: u64,
    /// The number of disturbances in all cases.
    pub disturbance_count: u64,
    /// The virtual time of all cases together.
    pub took: Duration,
    /// The seed of the case with the most disturbances, of several the first one; `None` before the first case.
    pub most_disturbed: Option<u64>,
}

/// A case that violated an invariant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SoakFailure {
    /// The violation of the whole case.
    pub violation: InvariantViolation,
    /// Disturbances of the whole case.
    pub disturbance_count: usize,
    /// The case with the fewest disturbances that still violate an invariant.
    pub shrunk: Case,
    /// The violation of the shrunk case.
    pub shrunk_violation: InvariantViolation,
}

/// Runs the cases of `count` seeds from `first` on; `watch` is called with the number done after each.
///
/// # Errors
/// The first case that violates an invariant, shrunk.
pub fn soak(first: u64, count: u64, watch: &mut dyn FnMut(u64)) -> Result<SoakReport, Box<SoakFailure>> {
    let mut soaked = SoakReport::default();
    let mut disturbance_count_max = 0;
    for number in 0..count {
        let case = Case::of(first.wrapping_add(number));
        let disturbance_count = case.disturbance_count();
        match attempt(&case) {
            Ok(took) => soaked.took += took,
            Err(violation) => {
                let (shrunk, shrunk_violation) = shrink(case, violation.clone(), &mut attempt);
                return Err(Box::new(SoakFailure {
                    violation,
                    disturbance_count,
                    shrunk,
                    shrunk_violation,
                }));
            }
        }
        soaked.case_count += 1;
        soaked.disturbance_count += disturbance_count as u64;
        if disturbance_count > disturbance_count_max {
            disturbance_count_max = disturbance_count;
            soaked.most_disturbed = Some(case.seed());
        }
        watch(soaked.case_count);
    }
    Ok(soaked)
}

impl SoakReport {
    /// Runs the case with the most disturbances again, for its chart; `None` if no case was run.
    #[must_use]
    pub fn chart(&self) -> Option<RunChart> {
        let case = Case::of(self.most_disturbed?);
        let (seed, count) = (case.seed(), case.disturbance_count());
        let clusters = counted(self.case_count as usize, "cluster");
        Some(chart_of(
            &case,
            &format!("Seed {seed}: {count} disturbances, the most of {clusters}"),
        ))
    }
}

impl SoakFailure {
    /// Runs the shrunk case again, for its chart.
    #[must_use]
    pub fn chart(&self) -> RunChart {
        let (fewer, all) = (self.shrunk.disturbance_count(), self.disturbance_count);
        let seed = self.shrunk.seed();
        let title = format!("Seed {seed}: {fewer} of its {all} disturbances violate an invariant");
        chart_of(&self.shrunk, &title)
    }
}

impl fmt::Display for SoakReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            case_count,
            disturbance_count,
            took,
            most_disturbed: _,
        } = self;
        let minutes = took.as_secs() / 60;
        writeln!(
            f,
            "{case_count} clusters, {disturbance_count} disturbances, {minutes} minutes of virtual time: every invariant held"
        )
    }
}

impl fmt::Display for SoakFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.violation)?;
        let (fewer, all) = (self.shrunk.disturbance_count(), self.disturbance_count);
        writeln!(
            f,
            "{fewer} of its {all} disturbances suffice: {}",
            self.shrunk_violation
        )?;
        write!(f, "{}", self.shrunk)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_clusters_under_disturbances_keep_every_invariant() {
        let check = |first| {
            let soaked = soak(first, 10, &mut |_| {}).unwrap_or_else(|failure| panic!("{failure}"));
            assert_eq!(soaked.case_count, 10);
        };
        std::thread::scope(|threads| {
            for first in [1, 11, 21] {
                threads.spawn(move || check(first));
            }
        });
    }

    #[test]
    fn a_seed_always_generates_the_same_case() {
        assert_eq!(Case::of(7), Case::of(7));
        assert_ne!(Case::of(7).to_string(), Case::of(8).to_string());
    }
}
