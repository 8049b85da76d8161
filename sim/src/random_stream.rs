//! Seeded pseudo-random numbers, the same on every machine and in every build.

use std::time::Duration;

/// A stream of pseudo-random numbers: SplitMix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number
/// Generators", 2014). Each consumer has a stream of its own, so that an additional draw in one does not change the others.
#[derive(Debug, Clone)]
pub struct RandomStream {
    state: u64,
}

impl RandomStream {
    /// Stream `number` of `seed`.
    #[must_use]
    pub const fn new(seed: u64, number: u64) -> Self {
        Self {
            state: mixed(mixed(seed) ^ number.wrapping_mul(GOLDEN)),
        }
    }

    /// Draws a number, uniformly from all of `u64`.
    pub const fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GOLDEN);
        mixed(self.state)
    }

    /// Draws a number below `bound`; 0 if `bound` is 0. The bias is less than `bound / 2^64`.
    pub const fn below(&mut self, bound: u64) -> u64 {
        ((self.next() as u128 * bound as u128) >> 64) as u64
    }

    /// Draws `true` with a probability of `thousandths / 1000`.
    pub const fn draw_bool(&mut self, thousandths: u64) -> bool {
        self.below(1_000) < thousandths
    }

    /// Draws a duration from `min` to `max`, in whole microseconds.
    pub fn between(&mut self, min: Duration, max: Duration) -> Duration {
        let span = u64::try_from(max.saturating_sub(min).as_micros()).unwrap_or(u64::MAX);
        min + Duration::from_micros(self.below(span.saturating_add(1)))
    }

    /// `numerator / denominator`, rounded up with the probability of its fraction, so that the mean is exact.
    pub fn rounded(&mut self, numerator: u128, denominator: u128) -> u64 {
        let rest = u64::try_from(numerator % denominator).unwrap_or(u64::MAX);
        let bound = u64::try_from(denominator).unwrap_or(u64::MAX);
        let whole = u64::try_from(numerator / denominator).unwrap_or(u64::MAX);
        whole.saturating_add(u64::from(self.below(bound) < rest))
    }

    /// Draws from a Poisson distribution: the count of independent events of which `mean` are expected.
    ///
    /// Uses only sums, products, quotients and square roots, which IEEE 754 rounds identically on all machines. Below a mean
    /// of `POISSON_NORMAL_FROM` by inversion, above by the normal approximation.
    pub fn poisson(&mut self, mean: f64) -> u64 {
        if mean >= POISSON_NORMAL_FROM {
            return (mean + mean.sqrt() * self.normal() + 0.5).max(0.0) as u64;
        }
        let (mut count, mut probability) = (0, exp_of_negative(mean));
        let (mut rest, most) = (self.fraction() - probability, 20 * POISSON_NORMAL_FROM as u64);
        while rest > 0.0 && count < most {
            count += 1;
            probability *= mean / count as f64;
            rest -= probability;
        }
        count
    }

    /// Draws from `[0, 1)`.
    fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Draws from an approximate standard normal distribution: the sum of twelve fractions (Irwin and Hall, 1927).
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.fraction()).sum::<f64>() - 6.0
    }
}

/// From this mean on, the normal distribution approximates the Poisson distribution well enough for load counts.
const POISSON_NORMAL_FROM: f64 = 32.0;

/// 2^64 over the golden ratio.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

const fn mixed(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// `e^-x` for x from 0 to 32: the series for x / 64, then six squares.
fn exp_of_negative(x: f64) -> f64 {
    let step = -x / 64.0;
    let (mut sum, mut term) = (1.0, 1.0);
    for factor in 1..16 {
        term *= step / f64::from(factor);
        sum += term;
    }
    (0..6).fold(sum, |power, _| power * power)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_equals_that_of_the_reference_implementation() {
        // The first numbers of the reference implementation with seed 1234567 (Vigna's splitmix64.c).
        let mut random = RandomStream { state: 1_234_567 };
        let drawn: Vec<u64> = (0..3).map(|_| random.next()).collect();
        assert_eq!(
            drawn,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423
            ]
        );
    }

    #[test]
    fn streams_of_one_seed_differ() {
        let first = |number| RandomStream::new(7, number).next();
        assert_ne!(first(0), first(1));
        assert_ne!(RandomStream::new(8, 0).next(), first(0));
    }

    #[test]
    fn counts_have_the_mean_and_variance_of_a_poisson_distribution() {
        for mean in [0.05, 3.0, 31.0, 33.0, 5_000.0] {
            let mut random = RandomStream::new(1, 2);
            let drawn: Vec<f64> = (0..20_000).map(|_| random.poisson(mean) as f64).collect();
            let average = drawn.iter().sum::<f64>() / drawn.len() as f64;
            let variance = drawn.iter().map(|count| (count - average).powi(2)).sum::<f64>() / drawn.len() as f64;
            assert!((average / mean - 1.0).abs() < 0.1, "{average} of {mean}");
            assert!((variance / mean - 1.0).abs() < 0.1, "variance {variance} of {mean}");
        }
    }

    #[test]
    fn rounding_preserves_the_mean() {
        let mut random = RandomStream::new(3, 0);
        let sum: u64 = (0..10_000).map(|_| random.rounded(7, 4)).sum();
        assert!(sum.abs_diff(17_500) < 200, "{sum}");
    }
}
