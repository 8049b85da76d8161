//! The command line: all subcommands of the binary.

use clap::{Parser, Subcommand};

use crate::admin::AdminArgs;
use crate::assigner::AssignerArgs;
#[cfg(feature = "otlp")]
use crate::bench::CallerArgs;
use crate::bench::{BenchArgs, ReaderArgs};
use crate::dev::{ClientArgs, DemoPodArgs, DevArgs, S3Args};
use crate::health::HealthArgs;
use crate::sim::SimArgs;

/// An auto-sharder for stateful services: assigns keys to pods and routes each request to the owner of its key.
///
/// Exit codes: 0 success; 1 a failure or a wrong answer; 2 bad input.
#[derive(Debug, Parser)]
#[command(name = "emberkeep", version)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Dev(DevArgs),
    /// Run one member of the assigner until SIGTERM or Ctrl-C
    Assigner(AssignerArgs),
    /// Inspect and change a running cluster
    Admin(AdminArgs),
    /// Simulate a cluster: compare balancers, replay traces and recordings
    Sim(SimArgs),
    Bench(BenchArgs),
    Health(HealthArgs),
    /// One pod of the demo service, as `dev` and `bench` start it
    #[command(hide = true)]
    DevPod(DemoPodArgs),
    /// Clients of the demo service, for a cluster that runs already
    #[command(hide = true)]
    DevClient(ClientArgs),
    /// The S3 server of `dev`
    #[command(hide = true)]
    DevS3(S3Args),
    /// A pod that reads its own keys, as `bench` starts it
    #[command(hide = true)]
    BenchReader(ReaderArgs),
    /// A pod and its client, as `bench tracing` starts them
    #[cfg(feature = "otlp")]
    #[command(hide = true)]
    BenchCaller(CallerArgs),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }
}
