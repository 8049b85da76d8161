//! Recoveries: how long it takes until a step of the load has been answered.

use std::time::Duration;

use emberkeep_core::time::Timestamp;

use super::BalanceSample;

/// A step of the load that pushed pods over the band.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recovery {
    /// When the load changed.
    pub at: Timestamp,
    /// How long it took until all pods were within the band again; `None` if they never were.
    pub took: Option<Duration>,
}

/// The steps of the load so far. While pods are over the band, further steps are part of the same trouble.
#[derive(Debug, Clone, Default)]
pub struct Recoveries {
    cures: Vec<Recovery>,
    is_ill: bool,
}

impl Recoveries {
    /// Takes in how things are; `is_step` says whether it is the load that changed just now.
    pub(super) fn read(&mut self, reading: &BalanceSample, is_step: bool, now: Timestamp) {
        let is_over = reading.over_count > 0;
        match (self.is_ill, is_over) {
            (false, true) if is_step => {
                self.is_ill = true;
                self.cures.push(Recovery { at: now, took: None });
            }
            (true, false) => {
                self.is_ill = false;
                let last = self.cures.last_mut().expect("it is ill since the last one began");
                last.took = Some(now.since(last.at));
            }
            (false, true) | (false, false) | (true, true) => {}
        }
    }

    /// All steps that pushed a pod over the band, in order.
    #[must_use]
    pub fn all(&self) -> &[Recovery] {
        &self.cures
    }

    /// The longest time that one took; `None` if one was never cured.
    #[must_use]
    pub fn slowest(&self) -> Option<Duration> {
        let took: Option<Vec<Duration>> = self.cures.iter().map(|cure| cure.took).collect();
        took.map(|took| took.into_iter().max().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_cured_when_all_pods_are_back_in_the_band() {
        let mut cures = Recoveries::default();
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
            cures.read(&over(over_count), is_step, at(millis));
        }
        let cure = |millis, took| Recovery { at: at(millis), took };
        let first = cure(3_000, Some(Duration::from_secs(6)));
        assert_eq!(cures.all(), [first, cure(12_000, None)]);
        assert_eq!(cures.slowest(), None);
    }
}
