//! A case: all that a seed leads to.

use std::fmt;
use std::time::Duration;

use super::disturbance::Disturbance;
use super::shape::Shape;
use crate::random_stream::RandomStream;

/// A cluster, and the disturbances it gets into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    seed: u64,
    pub(super) shape: Shape,
    /// In the order of time.
    pub(super) disturbances: Vec<(Duration, Disturbance)>,
}

/// Clusters have streams with small numbers, the keys have the last one.
const STREAM: u64 = u64::MAX - 1;

/// At most so many disturbances, ...
const DISTURBANCES_MAX: u64 = 24;
/// ... each so long after the one before at most; most come much sooner.
const PAUSE_MAX_MS: u64 = 8_000;

impl Case {
    /// The case of that seed, always the same.
    #[must_use]
    pub fn of(seed: u64) -> Self {
        let mut chance = RandomStream::stream(seed, STREAM);
        let shape = Shape::random(&mut chance);
        let mut at = Duration::from_millis(chance.below(PAUSE_MAX_MS));
        let disturbances = (0..1 + chance.below(DISTURBANCES_MAX)).map(|_| {
            let bound = [50, 1_000, PAUSE_MAX_MS][chance.below(3) as usize];
            at += Duration::from_millis(chance.below(bound));
            (at, Disturbance::random(&mut chance))
        });
        Self {
            disturbances: disturbances.collect(),
            seed,
            shape,
        }
    }

    /// What it came of.
    #[must_use]
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// How many disturbances there are.
    #[must_use]
    pub const fn disturbance_count(&self) -> usize {
        self.disturbances.len()
    }

    /// The same with other disturbances.
    pub(super) fn with(&self, disturbances: Vec<(Duration, Disturbance)>) -> Self {
        Self {
            seed: self.seed,
            shape: self.shape.clone(),
            disturbances,
        }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}: {}", self.seed, self.shape)?;
        for (at, disturbance) in &self.disturbances {
            writeln!(f, "  {:>3}.{:03} s  {disturbance}", at.as_secs(), at.subsec_millis())?;
        }
        Ok(())
    }
}
