//! The decayed rate: an exponentially weighted mean of events a second.

use std::time::Duration;

use crate::load::{Load, half_life};
use half_life::{ONE, PLACES};

/// An exponentially weighted mean of a rate: an event one half-life ago counts half.
///
/// Each count has the duration over which it was taken. With `f = 2^(-elapsed / half_life)` and the rate `r = count / elapsed`,
///
/// ```text
/// weighted <- f * weighted + (1 - f) * r
/// weight   <- f * weight   + (1 - f)          (= 1 - 2^(-total time / half_life))
/// rate      = weighted / weight
/// ```
///
/// which is exact for any, also irregular, intervals. Dividing by the weight corrects the bias of a mean that starts at
/// zero, so that the rate is right from the first second (Kingma and Ba, "Adam", 2015, section 3). All numbers are
/// integers with 32 binary digits, so every machine computes the same rate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecayedRate {
    half_life: Duration,
    /// Thousandths a second, with [`PLACES`] binary digits.
    weighted: u128,
    /// The weight of all counts so far, at most [`ONE`].
    weight: u64,
}

impl DecayedRate {
    /// A rate without counts. A half-life of zero counts as a microsecond.
    #[must_use]
    pub const fn new(half_life: Duration) -> Self {
        Self {
            half_life,
            weighted: 0,
            weight: 0,
        }
    }

    /// Records the units counted in the last `elapsed`, which is at least a microsecond.
    pub fn record(&mut self, units: u64, elapsed: Duration) {
        let elapsed = elapsed.max(Duration::from_micros(1));
        self.record_kept(units, elapsed, half_life::kept(elapsed, self.half_life));
    }

    /// The same, with the part of older counts that remains after `elapsed`.
    pub(super) fn record_kept(&mut self, units: u64, elapsed: Duration, kept: u64) {
        let micros = elapsed.as_micros().max(1);
        let share = u128::from(ONE - kept);
        // Thousandths a second, times the share: 64 + 30 + 32 bits at most.
        let added = u128::from(units) * 1_000_000_000 * share / micros;
        self.weighted = scaled(self.weighted, kept).saturating_add(added);
        self.weight = ((self.weight * kept) >> PLACES) + (ONE - kept);
    }

    /// The rate; zero before the first record.
    #[must_use]
    pub fn rate(&self) -> Load {
        let milli = self.weighted.checked_div(self.weight.into()).unwrap_or_default();
        Load::from_milli(u64::try_from(milli).unwrap_or(u64::MAX))
    }

    /// A known rate, with the weight of one that was measured for `measured`.
    #[must_use]
    pub fn known(half_life: Duration, rate: Load, measured: Duration) -> Self {
        let weight = ONE - half_life::kept(measured, half_life);
        Self {
            half_life,
            weighted: u128::from(rate.milli()) * u128::from(weight),
            weight,
        }
    }
}

/// `number * factor`, where the factor has [`PLACES`] binary digits and is at most one; no step overflows.
const fn scaled(number: u128, factor: u64) -> u128 {
    let (high, low) = (number >> PLACES, number & (ONE as u128 - 1));
    high * factor as u128 + ((low * factor as u128) >> PLACES)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const HALF_LIFE: Duration = Duration::from_secs(10);

    fn steady(units: u64, seconds: u64) -> DecayedRate {
        let mut rate = DecayedRate::new(HALF_LIFE);
        (0..seconds).for_each(|_| rate.record(units, SECOND));
        rate
    }

    /// Whether the rate is this many units a second, within one in a thousand.
    fn is_about(rate: &DecayedRate, units: u64) -> bool {
        rate.rate().milli().abs_diff(units * 1_000) <= units.max(1)
    }

    #[test]
    fn a_steady_rate_is_right_from_the_first_second() {
        for seconds in [1, 2, 10, 600] {
            assert!(is_about(&steady(700, seconds), 700), "after {seconds} s");
        }
        assert_eq!(DecayedRate::new(HALF_LIFE).rate(), Load::ZERO);
    }

    #[test]
    fn a_half_life_after_a_change_the_rate_shows_half_of_it() {
        let mut rate = steady(1_000, 600);
        (0..10).for_each(|_| rate.record(0, SECOND));
        assert!(is_about(&rate, 500), "{:?}", rate.rate());
        (0..600).for_each(|_| rate.record(0, SECOND));
        assert_eq!(rate.rate(), Load::ZERO);
    }

    #[test]
    fn a_known_rate_counts_as_if_it_had_been_measured() {
        let mut known = DecayedRate::known(HALF_LIFE, Load::from_units(700), 5 * SECOND);
        let mut measured = steady(700, 5);
        known.record(100, SECOND);
        measured.record(100, SECOND);
        assert!(known.rate().milli().abs_diff(measured.rate().milli()) <= 1);
        let unmeasured = DecayedRate::known(HALF_LIFE, Load::from_units(700), Duration::ZERO);
        assert_eq!(unmeasured.rate(), Load::ZERO);
    }

    proptest! {
        #[test]
        fn the_lengths_of_intervals_do_not_matter(cuts in prop::collection::vec(1_u64..5_000, 1..40)) {
            let mut cut = DecayedRate::new(HALF_LIFE);
            cuts.iter().for_each(|millis| cut.record(millis * 3, Duration::from_millis(*millis)));
            prop_assert!(is_about(&cut, 3_000), "{:?}", cut.rate());
        }

        #[test]
        fn no_count_and_no_time_overflows(counts in prop::collection::vec((any::<u64>(), any::<u64>()), 1..20)) {
            let mut rate = DecayedRate::new(HALF_LIFE);
            let mut highest = 0;
            for (units, micros) in counts {
                rate.record(units, Duration::from_micros(micros));
                highest = highest.max(u128::from(units) * 1_000_000_000 / u128::from(micros.max(1)));
            }
            prop_assert!(u128::from(rate.rate().milli()) <= highest + 1);
        }
    }
}
