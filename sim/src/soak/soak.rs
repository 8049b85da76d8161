//! The soak: case after case, until one breaks something.

use std::fmt;
use std::time::Duration;

use super::Case;
use super::invariant_checker::InvariantViolation;
use super::shrink::shrink;
use super::trial::attempt;

/// What came of a soak in which nothing broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SoakReport {
    /// How many cases there were.
    pub case_count: u64,
    /// How many disturbances they had together.
    pub disturbance_count: u64,
    /// How much virtual time they took together.
    pub took: Duration,
}

/// A case that broke something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SoakFailure {
    /// What broke.
    pub broken: InvariantViolation,
    /// How many disturbances the case had.
    pub disturbance_count: usize,
    /// The case with as few disturbances as still break something.
    pub shrunk: Case,
    /// What they break.
    pub shrunk_broken: InvariantViolation,
}

/// Tries the cases of `count` seeds from `first` on; `watch` sees how many are done.
///
/// # Errors
/// The first case that breaks something, shrunk.
pub fn soak(first: u64, count: u64, watch: &mut dyn FnMut(u64)) -> Result<SoakReport, Box<SoakFailure>> {
    let mut soaked = SoakReport::default();
    for number in 0..count {
        let case = Case::of(first.wrapping_add(number));
        let disturbance_count = case.disturbance_count();
        match attempt(&case) {
            Ok(took) => soaked.took += took,
            Err(broken) => {
                let (shrunk, shrunk_broken) = shrink(case, broken.clone(), &mut attempt);
                return Err(Box::new(SoakFailure {
                    broken,
                    disturbance_count,
                    shrunk,
                    shrunk_broken,
                }));
            }
        }
        soaked.case_count += 1;
        soaked.disturbance_count += disturbance_count as u64;
        watch(soaked.case_count);
    }
    Ok(soaked)
}

impl fmt::Display for SoakReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            case_count,
            disturbance_count,
            took,
        } = self;
        let minutes = took.as_secs() / 60;
        writeln!(
            f,
            "{case_count} clusters in {disturbance_count} disturbances over {minutes} minutes, every invariant held"
        )
    }
}

impl fmt::Display for SoakFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.broken)?;
        let (fewer, all) = (self.shrunk.disturbance_count(), self.disturbance_count);
        writeln!(
            f,
            "{fewer} of its {all} disturbances are enough: {}",
            self.shrunk_broken
        )?;
        write!(f, "{}", self.shrunk)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_clusters_in_trouble_keep_every_invariant() {
        let soaked = soak(1, 30, &mut |_| {}).unwrap_or_else(|failure| panic!("{failure}"));
        assert_eq!(soaked.case_count, 30);
    }

    #[test]
    fn a_seed_always_leads_to_the_same_case() {
        assert_eq!(Case::of(7), Case::of(7));
        assert_ne!(Case::of(7).to_string(), Case::of(8).to_string());
    }
}
