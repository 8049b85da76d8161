//! The share of requests that are traced.

use std::str::FromStr;

use thiserror::Error;

/// The share of requests without a sender's decision that begin a trace: from 0 for none to 1 for all.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SampleRatio {
    ratio: f64,
}

/// A ratio outside of its range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("it must be a number from 0 to 1, such as 0.01 for one request in a hundred")]
pub struct BadRatio;

impl SampleRatio {
    /// One request in a hundred.
    pub const DEFAULT: Self = Self { ratio: 0.01 };

    /// # Errors
    /// If the ratio is not from 0 to 1.
    pub fn try_new(ratio: f64) -> Result<Self, BadRatio> {
        (0.0..=1.0).contains(&ratio).then_some(Self { ratio }).ok_or(BadRatio)
    }

    /// The decision for one request, by a random number.
    pub(super) fn samples(self) -> bool {
        // Exact at both ends: the random number is below 1.
        rand::random::<f64>() < self.ratio
    }
}

impl FromStr for SampleRatio {
    type Err = BadRatio;

    fn from_str(text: &str) -> Result<Self, BadRatio> {
        Self::try_new(text.parse().map_err(|_| BadRatio)?)
    }
}

impl std::fmt::Display for SampleRatio {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.ratio.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_from_none_to_all() {
        for good in ["0", "1", "0.01", "1e-6"] {
            assert!(good.parse::<SampleRatio>().is_ok(), "{good}");
        }
        for bad in ["", "-0.1", "1.01", "NaN", "inf", "1%"] {
            assert_eq!(bad.parse::<SampleRatio>(), Err(BadRatio), "{bad}");
        }
    }

    #[test]
    fn none_and_all_are_exact() {
        let samples = |ratio| {
            let ratio = SampleRatio::try_new(ratio).unwrap();
            (0..1_000).filter(|_| ratio.samples()).count()
        };
        assert_eq!(samples(0.0), 0);
        assert_eq!(samples(1.0), 1_000);
        assert!((400..600).contains(&samples(0.5)));
    }
}
