//! Shrinking: the fewest troubles that still break something.

use super::Case;
use super::guard::Broken;
use super::trial::attempt;

/// Trials that shrinking may take: each takes a fraction of a second.
const ATTEMPTS_MAX: usize = 300;

/// Takes out troubles, many at a time and then fewer, as long as something stays broken (the delta debugging of Zeller
/// and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", 2002).
pub(super) fn shrink(case: Case, broken: Broken) -> (Case, Broken) {
    let mut smallest = (case, broken);
    let mut attempt_count = 0;
    let mut chunk = smallest.0.trouble_count();
    while chunk > 0 {
        let mut from = 0;
        while from < smallest.0.trouble_count() && attempt_count < ATTEMPTS_MAX {
            attempt_count += 1;
            let fewer = without(&smallest.0, from, chunk);
            match attempt(&fewer) {
                Err(broken) => smallest = (fewer, broken),
                Ok(_) => from += chunk,
            }
        }
        chunk /= 2;
    }
    smallest
}

fn without(case: &Case, from: usize, count: usize) -> Case {
    let troubles = case.troubles.iter().enumerate();
    let kept = troubles.filter(|(place, _)| !(from..from + count).contains(place));
    case.with(kept.map(|(_, trouble)| trouble.clone()).collect())
}
