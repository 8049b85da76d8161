//! Rates: events a second, as integers.

use serde::{Deserialize, Serialize};

/// Events a second, in thousandths, so that small rates can be divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Rate(u64);

impl Rate {
    /// No events at all.
    pub const ZERO: Rate = Rate(0);

    /// From events a second.
    #[must_use]
    pub const fn per_second(count: u32) -> Self {
        Self(count as u64 * 1_000)
    }

    /// From thousandths a second, at most [`u32::MAX`] a second.
    #[must_use]
    pub const fn from_milli(milli: u64) -> Self {
        let most = Self::per_second(u32::MAX).0;
        Self(if milli < most { milli } else { most })
    }

    /// In thousandths a second.
    #[must_use]
    pub const fn milli(self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_saturates_at_its_limit() {
        assert_eq!(Rate::per_second(7).milli(), 7_000);
        assert_eq!(Rate::from_milli(1), Rate(1));
        assert_eq!(Rate::from_milli(u64::MAX), Rate::per_second(u32::MAX));
    }
}
