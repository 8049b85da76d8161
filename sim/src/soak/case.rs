//! A case: all that a seed leads to.

use std::fmt;
use std::time::Duration;

use super::shape::Shape;
use super::trouble::Trouble;
use crate::chance::Chance;

/// A cluster, and the troubles it gets into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    seed: u64,
    pub(super) shape: Shape,
    /// In the order of time.
    pub(super) troubles: Vec<(Duration, Trouble)>,
}

/// Clusters have streams with small numbers, the keys have the last one.
const STREAM: u64 = u64::MAX - 1;

/// At most so many troubles, ...
const TROUBLES_MAX: u64 = 24;
/// ... each so long after the one before at most; most come much sooner.
const PAUSE_MAX_MS: u64 = 8_000;

impl Case {
    /// The case of that seed, always the same.
    #[must_use]
    pub fn of(seed: u64) -> Self {
        let mut chance = Chance::stream(seed, STREAM);
        let shape = Shape::random(&mut chance);
        let mut at = Duration::from_millis(chance.below(PAUSE_MAX_MS));
        let troubles = (0..1 + chance.below(TROUBLES_MAX)).map(|_| {
            let bound = [50, 1_000, PAUSE_MAX_MS][chance.below(3) as usize];
            at += Duration::from_millis(chance.below(bound));
            (at, Trouble::random(&mut chance))
        });
        Self {
            troubles: troubles.collect(),
            seed,
            shape,
        }
    }

    /// What it came of.
    #[must_use]
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// How many troubles there are.
    #[must_use]
    pub const fn trouble_count(&self) -> usize {
        self.troubles.len()
    }

    /// The same with other troubles.
    pub(super) fn with(&self, troubles: Vec<(Duration, Trouble)>) -> Self {
        Self {
            seed: self.seed,
            shape: self.shape.clone(),
            troubles,
        }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}: {}", self.seed, self.shape)?;
        for (at, trouble) in &self.troubles {
            writeln!(f, "  {:>3}.{:03} s  {trouble}", at.as_secs(), at.subsec_millis())?;
        }
        Ok(())
    }
}
