//! Staleness: pods use a generation that the clerk's source of assignments has not delivered.

use std::time::Duration;

use emberkeep_core::assignment::Generation;
use emberkeep_core::time::Timestamp;

/// Distinguishes a source that is a moment late from one that is cut off from the assigner.
#[derive(Debug, Default)]
pub(crate) struct StalenessDetector {
    /// The first observed generation that the clerk lacked, and when it was observed.
    missing: Option<(Generation, Timestamp)>,
}

/// How long the clerk may lack a generation that a pod already uses. Normal propagation takes milliseconds.
const LAG_MAX: Duration = Duration::from_secs(1);

impl StalenessDetector {
    /// Records the generation in use at a pod. Returns true when the clerk has lacked one for longer than [`LAG_MAX`],
    /// and then starts over, so that the next source has the same time.
    pub(crate) fn observe(&mut self, observed: Generation, held: Generation, now: Timestamp) -> bool {
        if observed <= held {
            return false;
        }
        match self.missing.filter(|(missing, _)| *missing > held) {
            Some((_, since)) if now.since(since) < LAG_MAX => false,
            known => {
                self.missing = Some((observed, now));
                known.is_some()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_stale_only_after_the_lag_limit() {
        let generation = |number| Generation::from_number(number).unwrap();
        let at = Timestamp::from_millis;
        let mut detector = StalenessDetector::default();
        assert!(
            !detector.observe(generation(7), generation(7), at(0)),
            "nothing is missing"
        );
        assert!(!detector.observe(generation(8), generation(7), at(0)));
        assert!(!detector.observe(generation(9), generation(7), at(999)));
        assert!(detector.observe(generation(9), generation(7), at(1_000)));
        assert!(
            !detector.observe(generation(9), generation(7), at(1_001)),
            "the next source has the same time"
        );
        assert!(
            !detector.observe(generation(10), generation(9), at(5_000)),
            "the source has caught up"
        );
    }
}
