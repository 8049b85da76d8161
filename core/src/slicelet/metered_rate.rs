//! The metered rate: a fast and a slow mean of the same counts; after a step both restart.

use std::time::Duration;

use super::DecayedRate;
use super::step_watch::StepWatch;
use crate::load::{Load, half_life};

/// The half-life of the fast rate, which shows an overload early.
pub(super) const FAST_HALF_LIFE: Duration = Duration::from_secs(10);
/// The half-life of the slow rate, which is stable enough to guide placement.
pub const SLOW_HALF_LIFE: Duration = Duration::from_secs(60);
/// The measuring time that an inferred rate is worth: after as long, measured counts weigh more than it.
pub(super) const INFERRED: Duration = Duration::from_secs(10);

/// The time in which counts were made, with the part of older counts that remains after it: computed once for all counts
/// of an interval.
#[derive(Debug, Clone, Copy)]
pub(super) struct CountInterval {
    elapsed: Duration,
    fast_kept: u64,
    slow_kept: u64,
}

impl CountInterval {
    /// An interval of at least a microsecond.
    pub(super) fn of(elapsed: Duration) -> Self {
        let elapsed = elapsed.max(Duration::from_micros(1));
        Self {
            elapsed,
            fast_kept: half_life::kept(elapsed, FAST_HALF_LIFE),
            slow_kept: half_life::kept(elapsed, SLOW_HALF_LIFE),
        }
    }
}

/// Units a second.
///
/// After a step both rates restart from the counts since the step. With a half-life of 10 s alone, a key that gets hot
/// would show half of its load after 10 s, while the step is statistically significant after a few seconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MeteredRate {
    fast: DecayedRate,
    slow: DecayedRate,
    steps: StepWatch,
}

impl MeteredRate {
    /// A rate without counts.
    pub(super) fn new() -> Self {
        Self {
            fast: DecayedRate::new(FAST_HALF_LIFE),
            slow: DecayedRate::new(SLOW_HALF_LIFE),
            steps: StepWatch::default(),
        }
    }

    /// Known rates, with the weight of rates that were measured for `measured`.
    pub(super) fn known(fast: Load, slow: Load, measured: Duration) -> Self {
        Self {
            fast: DecayedRate::known(FAST_HALF_LIFE, fast, measured),
            slow: DecayedRate::known(SLOW_HALF_LIFE, slow, measured),
            steps: StepWatch::default(),
        }
    }

    /// Records the units counted in the last interval.
    pub(super) fn record(&mut self, units: u64, interval: CountInterval) {
        let before = self.fast.rate();
        self.fast.record_kept(units, interval.elapsed, interval.fast_kept);
        self.slow.record_kept(units, interval.elapsed, interval.slow_kept);
        if let Some(since) = self.steps.record(units, interval.elapsed, before) {
            self.fast = DecayedRate::known(FAST_HALF_LIFE, since.rate(), since.elapsed());
            self.slow = DecayedRate::known(SLOW_HALF_LIFE, since.rate(), since.elapsed());
        }
    }

    /// The expected rate of one replica if `after` replicas share the load of `before`.
    pub(super) fn redistributed(&self, before: u32, after: u32) -> Self {
        let shared =
            |load: Load| Load::from_milli(load.milli().saturating_mul(before.into()) / u64::from(after.max(1)));
        Self::known(shared(self.fast()), shared(self.slow()), INFERRED)
    }

    pub(super) fn fast(&self) -> Load {
        self.fast.rate()
    }

    pub(super) fn slow(&self) -> Load {
        self.slow.rate()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// A generator of numbers from a seed.
    struct Dice(u64);

    impl Dice {
        /// Draws the next number by xorshift64* (Vigna, 2016).
        fn next(&mut self) -> u64 {
            self.0 ^= self.0 >> 12;
            self.0 ^= self.0 << 25;
            self.0 ^= self.0 >> 27;
            self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
        }

        /// The successes of `64 * mean` trials of probability 1/64: nearly Poisson.
        fn poisson(&mut self, mean: u64) -> u64 {
            let chances = (0..8 * mean).map(|_| self.next().to_be_bytes());
            chances
                .map(|bytes| bytes.iter().filter(|byte| **byte < 4).count() as u64)
                .sum()
        }
    }

    fn after(counts: impl IntoIterator<Item = u64>) -> MeteredRate {
        let mut rate = MeteredRate::new();
        counts
            .into_iter()
            .for_each(|units| rate.record(units, CountInterval::of(SECOND)));
        rate
    }

    /// Records the counts; returns the numbers of those after which both rates restarted.
    fn steps(counts: impl IntoIterator<Item = u64>) -> Vec<usize> {
        let mut rate = MeteredRate::new();
        let mut restarts = Vec::new();
        for (at, units) in (1..).zip(counts) {
            rate.record(units, CountInterval::of(SECOND));
            let restarted = DecayedRate::known(SLOW_HALF_LIFE, rate.slow(), 3 * SECOND);
            let restarted_below = DecayedRate::known(SLOW_HALF_LIFE, rate.slow(), 5 * SECOND);
            if at > 10 && (rate.slow == restarted || rate.slow == restarted_below) {
                restarts.push(at);
            }
        }
        restarts
    }

    #[test]
    fn a_step_shows_in_full_after_three_seconds() {
        let calm = [100; 60];
        let before = after(calm.into_iter().chain([3_000; 2]));
        assert!(before.fast() < Load::from_units(600), "{:?}", before.fast());
        let seen = after(calm.into_iter().chain([3_000; 3]));
        assert_eq!(
            (seen.fast(), seen.slow()),
            (Load::from_units(3_000), Load::from_units(3_000))
        );
        assert_eq!(steps(calm.into_iter().chain([3_000; 60])), [63]);
    }

    #[test]
    fn a_load_on_an_idle_slice_shows_as_early() {
        assert_eq!(after([0; 60].into_iter().chain([50; 3])).fast(), Load::from_units(50));
    }

    #[test]
    fn a_load_that_ends_is_forgotten_after_five_seconds_and_a_pause_is_bridged() {
        let calm = [1_000; 60];
        assert_eq!(steps(calm.into_iter().chain([10; 30])), [65]);
        let paused = after(calm.into_iter().chain([0; 4]).chain([1_000; 2]));
        assert!(paused.slow() > Load::from_units(900), "{:?}", paused.slow());
    }

    #[test]
    fn regular_bursts_are_no_steps() {
        let bursts = (0..600).map(|second| if second % 8 < 3 { 800 } else { 20 });
        assert!(steps(bursts).is_empty());
    }

    proptest! {
        // A step is three outliers of three deviations in a row. Counts as bursty as these have such a run by chance once in
        // about 4,000 periods of ten minutes (5 of 20,000 random cases), so the cases are the same in each run.
        #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(1), ..ProptestConfig::with_cases(24) })]

        #[test]
        fn noise_of_samples_and_of_uneven_costs_is_no_step(seed in 1_u64.., mean in 1_u64..20, cost in 1_u64..500) {
            let mut dice = Dice(seed);
            // Nearly all requests cost a unit, some cost many.
            let counts = (0..600).map(|_| 16 * (dice.poisson(mean) + cost * dice.poisson(1)));
            prop_assert!(steps(counts.collect::<Vec<_>>()).is_empty());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn noise_is_no_step(seed in 1_u64.., mean in 1_u64..60) {
            let mut dice = Dice(seed);
            prop_assert!(steps((0..600).map(|_| dice.poisson(mean))).is_empty());
        }

        #[test]
        fn a_step_to_three_times_the_load_shows_in_noise_as_well(seed in 1_u64.., mean in 40_u64..100) {
            let mut dice = Dice(seed);
            let calm: Vec<_> = (0..60).map(|_| dice.poisson(mean)).collect();
            let hot: Vec<_> = (0..4).map(|_| dice.poisson(3 * mean)).collect();
            let seen = after(calm.into_iter().chain(hot)).slow();
            prop_assert!(seen > Load::from_units(2 * mean), "{:?} of {}", seen, 3 * mean);
        }
    }
}
