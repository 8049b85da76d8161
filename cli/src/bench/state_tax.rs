//! The arguments of `emberkeep bench state-tax`.

use clap::Args;
use emberkeep_lab::bench::StateTaxSettings;

use super::args::{EnvironmentArgs, object_size_from};

/// Read the same objects cold, warm, and from a Redis server: what remote state costs.
///
/// Cold, the object is read from the store and decoded; warm, `own` and `get` find it in memory. Redis answers a GET of
/// the same bytes over one connection on loopback, if redis-server is installed. Requests are made one at a time.
#[derive(Debug, Args)]
pub(super) struct StateTaxArgs {
    /// The sizes of values, up to 64MiB
    #[arg(long, value_name = "SIZE,...", default_value = "64KiB,8MiB", value_delimiter = ',', value_parser = object_size_from)]
    sizes: Vec<u64>,
    /// How many objects of each size are read cold; of large ones, no more than 512 MiB
    #[arg(long, value_name = "COUNT", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    objects: u32,
    /// How often a warm value is read
    #[arg(long, value_name = "COUNT", default_value_t = 2_000_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000_000))]
    reads: u32,
    #[command(flatten)]
    pub(super) environment: EnvironmentArgs,
}

impl StateTaxArgs {
    pub(super) fn settings(&self) -> StateTaxSettings {
        StateTaxSettings {
            sizes: self.sizes.clone(),
            objects: self.objects,
            reads: self.reads,
        }
    }
}
