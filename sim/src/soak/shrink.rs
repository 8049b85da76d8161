//! Shrinking a failing case to the fewest disturbances that still violate an invariant.

use std::time::Duration;

use super::Case;
use super::invariant_checker::InvariantViolation;

/// Bounds the trials of a shrink, each of which takes a fraction of a second.
const ATTEMPTS_MAX: usize = 300;

/// Removes disturbances in chunks of decreasing size while an invariant stays violated (delta debugging: Zeller and Hildebrandt,
/// "Simplifying and Isolating Failure-Inducing Input", 2002).
pub(super) fn shrink(
    case: Case,
    violation: InvariantViolation,
    attempt: &mut dyn FnMut(&Case) -> Result<Duration, InvariantViolation>,
) -> (Case, InvariantViolation) {
    let mut smallest = (case, violation);
    let mut attempt_count = 0;
    let mut chunk = smallest.0.disturbance_count();
    while chunk > 0 {
        let mut from = 0;
        while from < smallest.0.disturbance_count() && attempt_count < ATTEMPTS_MAX {
            attempt_count += 1;
            let fewer = without(&smallest.0, from, chunk);
            match attempt(&fewer) {
                Err(violation) => smallest = (fewer, violation),
                Ok(_) => from += chunk,
            }
        }
        chunk /= 2;
    }
    smallest
}

fn without(case: &Case, from: usize, count: usize) -> Case {
    let disturbances = case.disturbances.iter().enumerate();
    let kept = disturbances.filter(|(index, _)| !(from..from + count).contains(index));
    case.with(kept.map(|(_, disturbance)| disturbance.clone()).collect())
}

#[cfg(test)]
mod tests {
    use emberkeep_core::time::Timestamp;

    use super::*;

    #[test]
    fn only_the_necessary_disturbances_are_left() {
        let case = Case::of(3);
        assert!(case.disturbance_count() > 5, "there are disturbances to remove");
        let needed = [case.disturbances[1].clone(), case.disturbances[4].clone()];
        let violation = InvariantViolation {
            at: Timestamp::ZERO,
            what: "both occurred".to_owned(),
        };
        let mut attempt = |case: &Case| match needed.iter().all(|disturbance| case.disturbances.contains(disturbance)) {
            true => Err(violation.clone()),
            false => Ok(Duration::ZERO),
        };
        let (shrunk, _) = shrink(case, violation.clone(), &mut attempt);
        assert_eq!(shrunk.disturbances, needed);
    }
}
