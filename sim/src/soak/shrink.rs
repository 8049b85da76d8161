//! Shrinking: the fewest troubles that still break something.

use std::time::Duration;

use super::Case;
use super::guard::Broken;

/// Trials that shrinking may take: each takes a fraction of a second.
const ATTEMPTS_MAX: usize = 300;

/// Takes out troubles, many at a time and then fewer, as long as something stays broken (the delta debugging of Zeller
/// and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", 2002).
pub(super) fn shrink(
    case: Case,
    broken: Broken,
    attempt: &mut dyn FnMut(&Case) -> Result<Duration, Broken>,
) -> (Case, Broken) {
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

#[cfg(test)]
mod tests {
    use emberkeep_core::time::Timestamp;

    use super::*;

    #[test]
    fn only_the_troubles_that_it_takes_are_left() {
        let case = Case::of(3);
        assert!(case.trouble_count() > 5, "there is something to take out");
        let needed = [case.troubles[1].clone(), case.troubles[4].clone()];
        let broken = Broken {
            at: Timestamp::ZERO,
            what: "both happened".to_owned(),
        };
        let mut attempt = |case: &Case| match needed.iter().all(|trouble| case.troubles.contains(trouble)) {
            true => Err(broken.clone()),
            false => Ok(Duration::ZERO),
        };
        let (shrunk, _) = shrink(case, broken.clone(), &mut attempt);
        assert_eq!(shrunk.troubles, needed);
    }
}
