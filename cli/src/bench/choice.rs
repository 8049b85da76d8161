//! Which object is read next.

use clap::ValueEnum;
use rand::RngExt;

/// How reads are spread over the objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Choice {
    /// The nth most popular object gets 1/n of what the first gets
    Zipf,
    /// Each as often as any other
    Uniform,
}

impl Choice {
    /// The word of the command line.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Zipf => "zipf",
            Self::Uniform => "uniform",
        }
    }
}

/// Draws objects by their number.
#[derive(Debug)]
pub(super) enum Chooser {
    /// By rank, the share of reads up to it; and which object has which rank.
    Zipf {
        shares: Vec<f64>,
        ranked: Vec<usize>,
    },
    Uniform {
        count: usize,
    },
}

impl Chooser {
    pub(super) fn new(choice: Choice, count: usize, chance: &mut impl RngExt) -> Self {
        match choice {
            Choice::Uniform => Self::Uniform { count },
            Choice::Zipf => {
                let mut ranked: Vec<usize> = (0..count).collect();
                rand::seq::SliceRandom::shuffle(&mut ranked[..], chance);
                Self::Zipf {
                    shares: zipf_shares(count),
                    ranked,
                }
            }
        }
    }

    pub(super) fn draw(&self, chance: &mut impl RngExt) -> usize {
        match self {
            Self::Uniform { count } => chance.random_range(0..*count),
            Self::Zipf { shares, ranked } => {
                let drawn: f64 = chance.random();
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
    fn the_most_popular_object_is_drawn_most_and_all_are_drawn() {
        let mut chance = SmallRng::seed_from_u64(1);
        let chooser = Chooser::new(Choice::Zipf, 10, &mut chance);
        let mut counts = [0_u32; 10];
        for _ in 0..10_000 {
            counts[chooser.draw(&mut chance)] += 1;
        }
        counts.sort_unstable();
        // 1 / (1 + 1/2 + ... + 1/10) is 34 %.
        assert!((3_200..3_600).contains(&counts[9]), "{counts:?}");
        assert!(counts[0] > 200, "{counts:?}");
    }
}
