//! The arguments of `emberkeep bench budget`.

use clap::Args;
use emberkeep_lab::bench::ReadSettings;
use emberkeep_slicelet::ByteSize;

use super::args::{DistributionArg, EnvironmentArgs, FreshnessArg, ObjectsArgs, byte_size_from};

/// Read more state than fits into memory: how much memory that takes, and which tier answers.
///
/// A pod with a memory budget and a disk tier reads each object once, and then many by distribution. Memory is resident
/// memory, sampled ten times a second.
#[derive(Debug, Args)]
pub(super) struct BudgetArgs {
    #[command(flatten)]
    objects: ObjectsArgs,
    /// The budget of warm values in memory
    #[arg(long, value_name = "SIZE", default_value = "1GiB", value_parser = byte_size_from)]
    budget: ByteSize,
    /// The size of the disk tier, at least 256MiB
    #[arg(long, value_name = "SIZE", default_value = "4GiB", value_parser = byte_size_from)]
    disk: ByteSize,
    /// How many objects are read after each was read once
    #[arg(long, value_name = "COUNT", default_value_t = 200_000)]
    reads: u32,
    /// The distribution of these reads over the objects
    #[arg(long, value_enum, default_value = "zipf")]
    choice: DistributionArg,
    /// How long a value is used without asking the store
    #[arg(long, value_enum, default_value = "immutable")]
    freshness: FreshnessArg,
    /// How many are read concurrently
    #[arg(long, value_name = "COUNT", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=1024))]
    width: u16,
    #[command(flatten)]
    pub(super) environment: EnvironmentArgs,
}

impl BudgetArgs {
    pub(super) fn settings(&self) -> ReadSettings {
        ReadSettings {
            objects: self.objects.objects,
            object_size: self.objects.size,
            memory_budget: self.budget,
            disk_size: self.disk,
            freshness: self.freshness.into(),
            width: self.width,
            reads: self.reads,
            distribution: self.choice.into(),
        }
    }
}
