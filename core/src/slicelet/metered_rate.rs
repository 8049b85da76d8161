//! The metered rate: one that sees a change soon beside one that noise hardly moves; a step both see at once.

use std::time::Duration;

use super::DecayedRate;
use super::step_watch::StepWatch;
use crate::load::{Load, half_life};

/// The half-life of the rate that sees an overload soon.
pub(super) const FAST_HALF_LIFE: Duration = Duration::from_secs(10);
/// The half-life of the rate that is calm enough to guide placement.
pub(super) const SLOW_HALF_LIFE: Duration = Duration::from_secs(60);
/// What was not measured but follows from what was counts as if it had been measured for so long: in as much time the
/// truth weighs more.
pub(super) const INFERRED: Duration = Duration::from_secs(10);

/// A time in which was counted, with what it leaves of the rates: worked out once for all that was counted in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tick {
    elapsed: Duration,
    fast_kept: u64,
    slow_kept: u64,
}

impl Tick {
    /// No time is shorter than a microsecond.
    pub(super) fn of(elapsed: Duration) -> Self {
        let elapsed = elapsed.max(Duration::from_micros(1));
        Self {
            elapsed,
            fast_kept: half_life::kept(elapsed, FAST_HALF_LIFE),
            slow_kept: half_life::kept(elapsed, SLOW_HALF_LIFE),
        }
    }
}

/// How much happens a second.
///
/// After a step both rates begin anew with what was counted since: with a half-life of 10 s alone, a key that gets hot
/// would be seen at half of its load after 10 s, while a few seconds are enough to be sure of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MeteredRate {
    fast: DecayedRate,
    slow: DecayedRate,
    steps: StepWatch,
}

impl MeteredRate {
    /// Nothing has happened yet.
    pub(super) fn new() -> Self {
        Self {
            fast: DecayedRate::new(FAST_HALF_LIFE),
            slow: DecayedRate::new(SLOW_HALF_LIFE),
            steps: StepWatch::default(),
        }
    }

    /// Rates that are known from elsewhere, as well as if they had been measured for so long.
    pub(super) fn known(fast: Load, slow: Load, measured: Duration) -> Self {
        Self {
            fast: DecayedRate::known(FAST_HALF_LIFE, fast, measured),
            slow: DecayedRate::known(SLOW_HALF_LIFE, slow, measured),
            steps: StepWatch::default(),
        }
    }

    /// `units` have happened in the last tick.
    pub(super) fn record(&mut self, units: u64, tick: Tick) {
        let before = self.fast.rate();
        self.fast.record_kept(units, tick.elapsed, tick.fast_kept);
        self.slow.record_kept(units, tick.elapsed, tick.slow_kept);
        if let Some(since) = self.steps.record(units, tick.elapsed, before) {
            self.fast = DecayedRate::known(FAST_HALF_LIFE, since.rate(), since.elapsed());
            self.slow = DecayedRate::known(SLOW_HALF_LIFE, since.rate(), since.elapsed());
        }
    }

    /// What is to be expected when another number of replicas shares the load.
    pub(super) fn shared_anew(&self, before: u32, after: u32) -> Self {
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

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Draws numbers, always the same for a seed.
    struct Dice(u64);

    impl Dice {
        /// xorshift64* (Vigna, 2016).
        fn next(&mut self) -> u64 {
            self.0 ^= self.0 >> 12;
            self.0 ^= self.0 << 25;
            self.0 ^= self.0 >> 27;
            self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
        }

        /// How many of `64 * mean` things happen that are each as likely as one in 64: nearly Poisson.
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
            .for_each(|units| rate.record(units, Tick::of(SECOND)));
        rate
    }

    /// Records the counts and tells after which of them both rates began anew.
    fn steps(counts: impl IntoIterator<Item = u64>) -> Vec<usize> {
        let mut rate = MeteredRate::new();
        let mut begun_anew = Vec::new();
        for (at, units) in (1..).zip(counts) {
            rate.record(units, Tick::of(SECOND));
            let anew = DecayedRate::known(SLOW_HALF_LIFE, rate.slow(), 3 * SECOND);
            let anew_below = DecayedRate::known(SLOW_HALF_LIFE, rate.slow(), 5 * SECOND);
            if at > 10 && (rate.slow == anew || rate.slow == anew_below) {
                begun_anew.push(at);
            }
        }
        begun_anew
    }

    #[test]
    fn a_step_is_seen_in_full_after_three_seconds() {
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
    fn a_load_that_begins_on_an_idle_slice_is_seen_as_soon() {
        assert_eq!(after([0; 60].into_iter().chain([50; 3])).fast(), Load::from_units(50));
    }

    #[test]
    fn a_load_that_ends_is_forgotten_after_five_seconds_and_a_pause_is_not() {
        let calm = [1_000; 60];
        assert_eq!(steps(calm.into_iter().chain([10; 30])), [65]);
        let paused = after(calm.into_iter().chain([0; 4]).chain([1_000; 2]));
        assert!(paused.slow() > Load::from_units(900), "{:?}", paused.slow());
    }

    #[test]
    fn what_always_comes_in_bursts_makes_no_steps() {
        let bursts = (0..600).map(|second| if second % 8 < 3 { 800 } else { 20 });
        assert!(steps(bursts).is_empty());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn noise_is_no_step(seed in 1_u64.., mean in 1_u64..60) {
            let mut dice = Dice(seed);
            prop_assert!(steps((0..600).map(|_| dice.poisson(mean))).is_empty());
        }

        #[test]
        fn noise_of_samples_and_of_uneven_costs_is_no_step(seed in 1_u64.., mean in 1_u64..20, cost in 1_u64..500) {
            let mut dice = Dice(seed);
            // Nearly all requests cost a unit, some cost many.
            let counts = (0..600).map(|_| 16 * (dice.poisson(mean) + cost * dice.poisson(1)));
            prop_assert!(steps(counts.collect::<Vec<_>>()).is_empty());
        }

        #[test]
        fn a_step_of_three_times_is_seen_in_noise_as_well(seed in 1_u64.., mean in 40_u64..100) {
            let mut dice = Dice(seed);
            let calm: Vec<_> = (0..60).map(|_| dice.poisson(mean)).collect();
            let hot: Vec<_> = (0..4).map(|_| dice.poisson(3 * mean)).collect();
            let seen = after(calm.into_iter().chain(hot)).slow();
            prop_assert!(seen > Load::from_units(2 * mean), "{:?} of {}", seen, 3 * mean);
        }
    }
}
