//! The distribution of requests over the keys.

use rand::RngExt;

/// The distribution of requests over keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyDistribution {
    /// The nth most popular key gets 1/n of the requests of the most popular one.
    Zipf,
    /// All keys get the same number of requests on average.
    Uniform,
}

impl KeyDistribution {
    /// The word on the command line and in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Zipf => "zipf",
            Self::Uniform => "uniform",
        }
    }
}

/// Draws keys by their index.
#[derive(Debug)]
pub(super) enum KeySampler {
    /// The cumulative share of requests by rank, and the key of each rank.
    Zipf {
        shares: Vec<f64>,
        ranked: Vec<usize>,
    },
    Uniform {
        count: usize,
    },
}

impl KeySampler {
    pub(super) fn new(distribution: KeyDistribution, count: usize, rng: &mut impl RngExt) -> Self {
        match distribution {
            KeyDistribution::Uniform => Self::Uniform { count },
            KeyDistribution::Zipf => {
                let mut ranked: Vec<usize> = (0..count).collect();
                rand::seq::SliceRandom::shuffle(&mut ranked[..], rng);
                Self::Zipf {
                    shares: zipf_shares(count),
                    ranked,
                }
            }
        }
    }

    pub(super) fn draw(&self, rng: &mut impl RngExt) -> usize {
        match self {
            Self::Uniform { count } => rng.random_range(0..*count),
            Self::Zipf { shares, ranked } => {
                let drawn: f64 = rng.random();
                ranked[shares.partition_point(|share| *share <= drawn).min(ranked.len() - 1)]
            }
        }
    }
}

fn zipf_shares(count: usize) -> Vec<f64> {
    let mut sum = 0.0;
    let up_to = |rank: usize| {
        sum += 1.0 / (rank + 1) as f64;
        sum
    };
    let sums: Vec<f64> = (0..count).map(up_to).collect();
    sums.iter().map(|up_to| up_to / sum).collect()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::SmallRng;

    use super::*;

    #[test]
    fn the_most_popular_key_is_drawn_most_and_all_are_drawn() {
        let mut rng = SmallRng::seed_from_u64(1);
        let sampler = KeySampler::new(KeyDistribution::Zipf, 10, &mut rng);
        let mut counts = [0_u32; 10];
        for _ in 0..10_000 {
            counts[sampler.draw(&mut rng)] += 1;
        }
        counts.sort_unstable();
        // 1 / (1 + 1/2 + ... + 1/10) is 34 %.
        assert!((3_200..3_600).contains(&counts[9]), "{counts:?}");
        assert!(counts[0] > 200, "{counts:?}");
    }
}
