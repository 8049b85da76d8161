//! The arguments that all measurements share.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use emberkeep_lab::bench::{BenchEnvironment, BenchFreshness, KeyDistribution};
use emberkeep_lab::cluster::{DataFolder, StoreChoice};
use emberkeep_slicelet::ByteSize;

use crate::exit::CommandError;
use crate::file::{create, this_program};
use crate::log;
use crate::quantity::byte_count_from;
use crate::telemetry::Telemetry;

/// Where objects and data are stored, and where the report is written.
#[derive(Debug, Clone, Args)]
pub(super) struct EnvironmentArgs {
    /// The object store: s3 (a server that is started), folder, or the URL of a bucket as
    /// s3://bucket/prefix?endpoint=http://host:port&path_style=true
    #[arg(long, value_name = "STORE", default_value = "s3")]
    pub(super) store: StoreChoice,
    /// The folder of all data; present objects are not written again [default: a temporary folder]
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

impl EnvironmentArgs {
    /// Opens the data folder, and directs the log there.
    pub(super) fn open(&self) -> Result<BenchEnvironment, CommandError> {
        let folder = DataFolder::open(self.data.clone())?;
        log::to_file(create(&folder.log_of("bench"))?, "info", &Telemetry::none());
        Ok(BenchEnvironment {
            program: this_program()?,
            folder,
            store: self.store.clone(),
        })
    }
}

/// How long a value is used without asking the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum FreshnessArg {
    /// Objects never change, so values are never checked
    Immutable,
    /// Only the owner writes: checked once after the owner changed
    OwnerWrites,
}

impl From<FreshnessArg> for BenchFreshness {
    fn from(arg: FreshnessArg) -> Self {
        match arg {
            FreshnessArg::Immutable => Self::Immutable,
            FreshnessArg::OwnerWrites => Self::OwnerWrites,
        }
    }
}

/// How requests are distributed over keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum DistributionArg {
    /// The nth most popular object gets 1/n of the requests of the first
    Zipf,
    /// Each object gets as many as any other
    Uniform,
}

impl From<DistributionArg> for KeyDistribution {
    fn from(arg: DistributionArg) -> Self {
        match arg {
            DistributionArg::Zipf => Self::Zipf,
            DistributionArg::Uniform => Self::Uniform,
        }
    }
}

/// The minimum size: a checksum and some content.
const OBJECT_SIZE_MIN: u64 = 64;
/// Each object is held in memory as a whole.
const OBJECT_SIZE_MAX: u64 = 64 << 20;

/// Parses a size of memory or disk.
pub(super) fn byte_size_from(text: &str) -> Result<ByteSize, String> {
    byte_count_from(text).map(ByteSize::bytes)
}

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
