//! Warmth: how much of a slice's warm state a pod has taken over from the slice's old owner.

use serde::{Deserialize, Serialize};

/// How warm a slice is at the pod that takes it over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Warmth {
    /// Of the heat of all values that the old owner had warm, the part whose values are held here, in the version that the
    /// old owner had or a newer one; in thousandths, rounded down. All of it where nothing had any heat, none of it where the old
    /// owner did not say what it had.
    pub heat_share_thousandths: u32,
    /// How many bytes of memory those values take.
    pub size: u64,
    /// Nothing more is to be had, neither from the old owner nor from object storage.
    pub is_complete: bool,
}

impl Warmth {
    /// The whole heat, in thousandths.
    pub const WHOLE: u32 = 1_000;

    /// Whether a pod that has got so far may be asked for the slice.
    #[must_use]
    pub const fn is_enough(&self, heat_share_min_thousandths: u32) -> bool {
        self.is_complete || self.heat_share_thousandths >= heat_share_min_thousandths
    }

    /// `held` of `all` heat, in thousandths.
    #[must_use]
    pub fn share(held: u64, all: u64) -> u32 {
        let thousandths = u128::from(held) * u128::from(Self::WHOLE) / u128::from(all.max(1));
        match all {
            0 => Self::WHOLE,
            _ => u32::try_from(thousandths).map_or(Self::WHOLE, |share| share.min(Self::WHOLE)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_rounded_down_so_that_the_whole_is_all_there_is() {
        assert_eq!(Warmth::share(0, 3), 0);
        assert_eq!(Warmth::share(2, 3), 666);
        assert_eq!(Warmth::share(u64::MAX - 1, u64::MAX), 999);
        assert_eq!(Warmth::share(u64::MAX, u64::MAX), 1_000);
    }

    #[test]
    fn where_nothing_is_hot_nothing_hot_is_missing() {
        assert_eq!(Warmth::share(0, 0), 1_000);
    }
}
