//! A case: the cluster and disturbances of a seed.

use std::fmt;
use std::time::Duration;

use super::disturbance::Disturbance;
use super::shape::Shape;
use crate::random_stream::RandomStream;

/// The shape of a cluster and its disturbances.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    seed: u64,
    pub(super) shape: Shape,
    /// The disturbances with their times, ordered by time.
    pub(super) disturbances: Vec<(Duration, Disturbance)>,
}

/// The random stream of cases; clusters use streams with small numbers, keys the last one.
const STREAM: u64 = u64::MAX - 1;

/// The most disturbances of a case.
const DISTURBANCES_MAX: u64 = 24;
/// The longest pause between two disturbances; most pauses are much shorter.
const PAUSE_MAX_MS: u64 = 8_000;

impl Case {
    /// Generates the case of a seed, always the same.
    #[must_use]
    pub fn of(seed: u64) -> Self {
        let mut random = RandomStream::new(seed, STREAM);
        let shape = Shape::random(&mut random);
        let mut at = Duration::from_millis(random.below(PAUSE_MAX_MS));
        let disturbances = (0..1 + random.below(DISTURBANCES_MAX)).map(|_| {
            let bound = [50, 1_000, PAUSE_MAX_MS][random.below(3) as usize];
            at += Duration::from_millis(random.below(bound));
            (at, Disturbance::random(&mut random))
        });
        Self {
            disturbances: disturbances.collect(),
            seed,
            shape,
        }
    }

    /// The seed that generates the case.
    #[must_use]
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// The number of disturbances.
    #[must_use]
    pub const fn disturbance_count(&self) -> usize {
        self.disturbances.len()
    }

    /// The same cluster with other disturbances.
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
