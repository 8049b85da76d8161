//! Load as an integer, so that sums do not depend on their order.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub, SubAssign};

use serde::{Deserialize, Serialize};

/// Load in thousandths of a cost unit a second. Arithmetic saturates.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Load(u64);

impl Load {
    /// The load of keys without requests.
    pub const ZERO: Load = Load(0);

    /// From thousandths of a unit a second.
    #[must_use]
    pub const fn from_milli(milli: u64) -> Self {
        Self(milli)
    }

    /// From units a second.
    #[must_use]
    pub const fn from_units(units: u64) -> Self {
        Self(units.saturating_mul(1_000))
    }

    /// In thousandths of a unit a second.
    #[must_use]
    pub const fn milli(self) -> u64 {
        self.0
    }

    /// The part `numerator / denominator` of it, rounded down; all of it if the fraction is not below 1.
    #[must_use]
    pub fn share(self, numerator: u128, denominator: u128) -> Self {
        if numerator >= denominator {
            return self;
        }
        // The numerator of a fraction below 1 has at most 64 bits, and so has a load.
        let part = u128::from(self.0) * numerator / denominator;
        Self(u64::try_from(part).expect("a part is not larger than the whole"))
    }
}

impl Add for Load {
    type Output = Load;

    fn add(self, other: Load) -> Load {
        Load(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Load {
    fn add_assign(&mut self, other: Load) {
        *self = *self + other;
    }
}

impl Sub for Load {
    type Output = Load;

    fn sub(self, other: Load) -> Load {
        Load(self.0.saturating_sub(other.0))
    }
}

impl SubAssign for Load {
    fn sub_assign(&mut self, other: Load) {
        *self = *self - other;
    }
}

impl Sum for Load {
    fn sum<I: Iterator<Item = Load>>(loads: I) -> Load {
        loads.fold(Load::ZERO, Load::add)
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1_000, self.0 % 1_000)
    }
}

impl fmt::Debug for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_exact_and_never_overflows() {
        assert_eq!(Load::from_milli(10).share(1, 3), Load::from_milli(3));
        assert_eq!(
            Load::from_milli(u64::MAX).share(1 << 64, 1 << 64).milli() >> 1,
            u64::MAX >> 1
        );
        assert_eq!(Load::from_units(2).to_string(), "2.000");
    }
}
