//! The arguments that all measurements share.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, ValueEnum};
use emberkeep_slicelet::{ByteSize, Freshness};

use crate::byte_count::byte_count_from;
use crate::dev::StoreChoice;

/// Where things are kept, and where the report goes.
#[derive(Debug, Clone, Args)]
pub(super) struct PlaceArgs {
    /// Where the objects are: s3 (a server of its own), folder, or the URL of a bucket as
    /// s3://bucket/prefix?endpoint=http://host:port&path_style=true
    #[arg(long, value_name = "STORE", default_value = "s3")]
    pub(super) store: StoreChoice,
    /// Where everything is kept; objects that are there already are not written again [default: a temporary folder]
    #[arg(long, value_name = "DIR")]
    pub(super) data: Option<PathBuf>,
    /// Write the report to this file as JSON
    #[arg(long, value_name = "FILE")]
    pub(super) json: Option<PathBuf>,
}

/// How many objects there are, and how large each is.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct ObjectsArgs {
    /// How many objects there are
    #[arg(long, value_name = "COUNT", default_value_t = 32_768, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub(super) objects: u32,
    /// The size of each, up to 64MiB
    #[arg(long, value_name = "SIZE", default_value = "64KiB", value_parser = object_size_from)]
    pub(super) size: u64,
}

/// How long a value counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum FreshnessChoice {
    /// Objects never change
    Immutable,
    /// Only the owner writes: checked once after the owner changed
    OwnerWrites,
}

impl FreshnessChoice {
    /// The word of the command line.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Immutable => "immutable",
            Self::OwnerWrites => "owner-writes",
        }
    }
}

impl From<FreshnessChoice> for Freshness {
    fn from(choice: FreshnessChoice) -> Self {
        match choice {
            FreshnessChoice::Immutable => Self::Immutable,
            FreshnessChoice::OwnerWrites => Self::OwnerWrites,
        }
    }
}

/// A budget of memory or disk.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget(pub(super) u64);

impl Budget {
    pub(super) const fn as_size(self) -> ByteSize {
        ByteSize::bytes(self.0)
    }
}

impl FromStr for Budget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        byte_count_from(text).map(Self)
    }
}

/// An object has a checksum and something that it is of.
const OBJECT_SIZE_MIN: u64 = 64;
/// Every object passes through memory whole.
const OBJECT_SIZE_MAX: u64 = 64 << 20;

pub(super) fn object_size_from(text: &str) -> Result<u64, String> {
    let size = byte_count_from(text)?;
    match (OBJECT_SIZE_MIN..=OBJECT_SIZE_MAX).contains(&size) {
        true => Ok(size),
        false => Err("an object has 64 bytes to 64MiB".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_has_a_sensible_size() {
        assert_eq!(object_size_from("64KiB"), Ok(65_536));
        for bad in ["1", "65MiB", "many"] {
            assert!(object_size_from(bad).is_err(), "{bad}");
        }
    }
}
