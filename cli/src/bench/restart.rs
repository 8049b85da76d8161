//! The arguments of `emberkeep bench restart`.

use clap::Args;
use emberkeep_lab::bench::RestartSettings;
use emberkeep_slicelet::ByteSize;

use super::args::{EnvironmentArgs, byte_size_from, object_size_from};

/// Restart a pod with a disk tier: how much of its state it still finds there.
///
/// A pod reads each object once, is ended with SIGTERM or SIGKILL, started again, and reads each object once more. If
/// only the owner writes, each object is checked: one request to the store that moves no bytes.
#[derive(Debug, Args)]
pub(super) struct RestartArgs {
    /// How many objects there are
    #[arg(long, value_name = "COUNT", default_value_t = 4_096, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    objects: u32,
    /// The size of each, up to 64MiB
    #[arg(long, value_name = "SIZE", default_value = "64KiB", value_parser = object_size_from)]
    size: u64,
    /// The budget of warm values in memory
    #[arg(long, value_name = "SIZE", default_value = "512MiB", value_parser = byte_size_from)]
    budget: ByteSize,
    /// The size of the disk tier, at least 256MiB
    #[arg(long, value_name = "SIZE", default_value = "1GiB", value_parser = byte_size_from)]
    disk: ByteSize,
    /// How many are read concurrently
    #[arg(long, value_name = "COUNT", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=1024))]
    width: u16,
    #[command(flatten)]
    pub(super) environment: EnvironmentArgs,
}

impl RestartArgs {
    pub(super) fn settings(&self) -> RestartSettings {
        RestartSettings {
            objects: self.objects,
            object_size: self.size,
            memory_budget: self.budget,
            disk_size: self.disk,
            width: self.width,
        }
    }
}
