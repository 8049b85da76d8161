//! Demand: the load and the memory of keys.

use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub, SubAssign};

use super::Load;

/// The load that keys cause, and the memory that their warm values take. Arithmetic saturates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Demand {
    /// The current rate, which decides whether a pod is overloaded.
    pub now: Load,
    /// The rate to plan by, from which noise is removed.
    pub steady: Load,
    /// Bytes of warm values.
    pub memory: u64,
}

impl Demand {
    /// No load and no memory.
    pub const NONE: Demand = Demand {
        now: Load::ZERO,
        steady: Load::ZERO,
        memory: 0,
    };

    /// A constant load, without memory.
    #[must_use]
    pub const fn steady(load: Load) -> Self {
        Self {
            now: load,
            steady: load,
            memory: 0,
        }
    }

    /// The larger of the two rates, for which an owner must have room.
    #[must_use]
    pub fn peak(self) -> Load {
        self.now.max(self.steady)
    }

    /// The part `numerator / denominator` of it, rounded down; all of it if the fraction is not below 1.
    #[must_use]
    pub fn share(self, numerator: u128, denominator: u128) -> Self {
        Self {
            now: self.now.share(numerator, denominator),
            steady: self.steady.share(numerator, denominator),
            memory: Load::from_milli(self.memory).share(numerator, denominator).milli(),
        }
    }
}

impl Add for Demand {
    type Output = Demand;

    fn add(self, other: Demand) -> Demand {
        Demand {
            now: self.now + other.now,
            steady: self.steady + other.steady,
            memory: self.memory.saturating_add(other.memory),
        }
    }
}

impl AddAssign for Demand {
    fn add_assign(&mut self, other: Demand) {
        *self = *self + other;
    }
}

impl Sub for Demand {
    type Output = Demand;

    fn sub(self, other: Demand) -> Demand {
        Demand {
            now: self.now - other.now,
            steady: self.steady - other.steady,
            memory: self.memory.saturating_sub(other.memory),
        }
    }
}

impl SubAssign for Demand {
    fn sub_assign(&mut self, other: Demand) {
        *self = *self - other;
    }
}

impl Sum for Demand {
    fn sum<I: Iterator<Item = Demand>>(demands: I) -> Demand {
        demands.fold(Demand::NONE, Demand::add)
    }
}
