//! Recoveries: the time from a load step that pushes pods over the band until all pods are back within it.

use std::time::Duration;

use emberkeep_core::time::Timestamp;

use super::BalanceSample;

/// The recovery from a load step that pushed pods over the band.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recovery {
    /// The time of the load step.
    pub at: Timestamp,
    /// The time until all pods were within the band again; `None` if they never were.
    pub took: Option<Duration>,
}

/// The recoveries so far. Load steps while pods are over the band count as part of the same recovery.
#[derive(Debug, Clone, Default)]
pub struct Recoveries {
    recoveries: Vec<Recovery>,
    is_recovering: bool,
}

impl Recoveries {
    /// Records a sample; `is_step` is whether the load has just changed.
    pub(super) fn record(&mut self, sample: &BalanceSample, is_step: bool, now: Timestamp) {
        let is_over = sample.over_count > 0;
        match (self.is_recovering, is_over) {
            // ## Balanced -> Recovering: a load step pushed a pod over the band
            (false, true) if is_step => {
                self.is_recovering = true;
                self.recoveries.push(Recovery { at: now, took: None });
            }
            // ## Recovering -> Balanced: all pods are within the band again
            (true, false) => {
                self.is_recovering = false;
                let last = self
                    .recoveries
                    .last_mut()
                    .expect("the last recovery is the pending one");
                last.took = Some(now.since(last.at));
            }
            (false, true) | (false, false) | (true, true) => {}
        }
    }

    /// All recoveries, in order of time.
    #[must_use]
    pub fn all(&self) -> &[Recovery] {
        &self.recoveries
    }

    /// The longest recovery; `None` if one never ended.
    #[must_use]
    pub fn slowest(&self) -> Option<Duration> {
        let took: Option<Vec<Duration>> = self.recoveries.iter().map(|recovery| recovery.took).collect();
        took.map(|took| took.into_iter().max().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recovery_ends_when_all_pods_are_back_in_the_band() {
        let mut recoveries = Recoveries::default();
        let at = Timestamp::from_millis;
        let over = |over_count| BalanceSample {
            over_count,
            ..BalanceSample::default()
        };
        for (millis, over_count, is_step) in [
            (1_000, 0, true),
            (2_000, 3, false),
            (3_000, 2, true),
            (4_000, 2, true),
            (9_000, 0, false),
            (12_000, 1, true),
        ] {
            recoveries.record(&over(over_count), is_step, at(millis));
        }
        let recovery = |millis, took| Recovery { at: at(millis), took };
        let first = recovery(3_000, Some(Duration::from_secs(6)));
        assert_eq!(recoveries.all(), [first, recovery(12_000, None)]);
        assert_eq!(recoveries.slowest(), None);
    }
}
