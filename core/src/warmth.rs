//! Warmth: how much of a slice's warm state its new owner has taken over.

use serde::{Deserialize, Serialize};

/// The warmth of a slice at the pod that takes it over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Warmth {
    /// The share of the old owner's heat in values that this pod holds, too, in the same version or a newer one; in
    /// thousandths, rounded down. 1,000 if no value had any heat, 0 if the old owner has not listed its values.
    pub heat_share_thousandths: u32,
    /// The memory of those values, in bytes.
    pub size: u64,
    /// Neither the old owner nor object storage has more of the state.
    pub is_complete: bool,
}

impl Warmth {
    /// The whole heat, in thousandths.
    pub const WHOLE: u32 = 1_000;

    /// Whether the pod is warm enough to serve the slice.
    #[must_use]
    pub const fn is_enough(&self, heat_share_min_thousandths: u32) -> bool {
        self.is_complete || self.heat_share_thousandths >= heat_share_min_thousandths
    }

    /// The part `held / all` in thousandths, rounded down; 1,000 if `all` is zero.
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
    fn a_share_is_rounded_down_so_that_only_the_whole_is_1000() {
        assert_eq!(Warmth::share(0, 3), 0);
        assert_eq!(Warmth::share(2, 3), 666);
        assert_eq!(Warmth::share(u64::MAX - 1, u64::MAX), 999);
        assert_eq!(Warmth::share(u64::MAX, u64::MAX), 1_000);
    }

    #[test]
    fn without_any_heat_the_share_is_1000() {
        assert_eq!(Warmth::share(0, 0), 1_000);
    }
}
