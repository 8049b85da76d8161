//! The arguments of `emberkeep bench tracing`.

use std::time::Duration;

use clap::Args;
use emberkeep_lab::bench::TracingSettings;

use super::args::EnvironmentArgs;
use crate::quantity::{number_from, positive_duration_from};

/// Call warm values with and without the export of traces and metrics: what telemetry costs.
///
/// Two processes, each a pod and its client, call in turn in short bursts, so that a machine which is not always equally
/// fast serves both alike. One has no subscriber of spans; the other exports to a collector in this process.
#[derive(Debug, Args)]
pub(super) struct TracingArgs {
    /// How many pairs of bursts are compared
    #[arg(long, value_name = "COUNT", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pairs: u32,
    /// The length of a burst
    #[arg(long, value_name = "TIME", default_value = "200ms", value_parser = positive_duration_from)]
    burst: Duration,
    /// The share of calls that are traced
    #[arg(long, value_name = "RATIO", default_value_t = 0.01, value_parser = ratio_from)]
    trace_sample: f64,
    #[command(flatten)]
    pub(super) environment: EnvironmentArgs,
}

impl TracingArgs {
    pub(super) const fn settings(&self) -> TracingSettings {
        TracingSettings {
            pairs: self.pairs,
            burst: self.burst,
            sample: self.trace_sample,
        }
    }
}

fn ratio_from(text: &str) -> Result<f64, String> {
    number_from(text, 0.0..=1.0).ok_or_else(|| "it must be a number from 0 to 1".to_owned())
}
