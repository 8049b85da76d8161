//! The arguments of `emberkeep bench transfer`.

use clap::Args;
use emberkeep_lab::bench::TransferSettings;

use super::args::{DistributionArg, EnvironmentArgs, object_size_from};

/// Replace a pod whose values are all warm: what the move costs, with and without the transfer of warm values.
///
/// Each object is requested from a pod once, and then many by distribution, so that some are hotter than others. Then a
/// second pod is started, and the first is drained at the same time. Once it has ended, each object is requested once
/// more. Memory is resident memory; its peak is that of the move alone.
#[derive(Debug, Args)]
pub(super) struct TransferArgs {
    /// How many objects there are
    #[arg(long, value_name = "COUNT", default_value_t = 4_096, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    objects: u32,
    /// The size of each, up to 2MiB
    #[arg(long, value_name = "SIZE", default_value = "64KiB", value_parser = answered_size_from)]
    size: u64,
    /// How many objects are requested after each was requested once
    #[arg(long, value_name = "COUNT", default_value_t = 20_000)]
    asks: u32,
    /// The distribution of these requests over the objects
    #[arg(long, value_enum, default_value = "zipf")]
    choice: DistributionArg,
    /// How many are requested concurrently
    #[arg(long, value_name = "COUNT", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=1024))]
    width: u16,
    #[command(flatten)]
    pub(super) environment: EnvironmentArgs,
}

/// A gRPC client accepts answers of at most 4 MiB by default.
const ANSWERED_SIZE_MAX: u64 = 2 << 20;

impl TransferArgs {
    pub(super) fn settings(&self) -> TransferSettings {
        TransferSettings {
            objects: self.objects,
            object_size: self.size,
            asks: self.asks,
            distribution: self.choice.into(),
            width: self.width,
        }
    }
}

fn answered_size_from(text: &str) -> Result<u64, String> {
    match object_size_from(text)? {
        size if size <= ANSWERED_SIZE_MAX => Ok(size),
        _ => Err("an object in an answer of a pod has up to 2MiB".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_fits_into_an_answer() {
        assert_eq!(answered_size_from("2MiB"), Ok(2 << 20));
        assert!(answered_size_from("3MiB").is_err());
    }
}
