//! Freshness of the values in a measurement.

use emberkeep_slicelet::Freshness;

/// The freshness of a measurement's target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BenchFreshness {
    /// Objects never change, so a value is never checked.
    Immutable,
    /// Only the owner writes: an object is checked once after its owner has changed.
    OwnerWrites,
}

impl BenchFreshness {
    /// The word on the command line and in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Immutable => "immutable",
            Self::OwnerWrites => "owner-writes",
        }
    }
}

impl From<BenchFreshness> for Freshness {
    fn from(freshness: BenchFreshness) -> Self {
        match freshness {
            BenchFreshness::Immutable => Self::Immutable,
            BenchFreshness::OwnerWrites => Self::OwnerWrites,
        }
    }
}
