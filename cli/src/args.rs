//! The command line.

use clap::{Parser, Subcommand};

use crate::admin::AdminArgs;
use crate::assigner::AssignerArgs;
use crate::bench::{BenchArgs, DemoPodArgs, ReaderArgs};
use crate::dev::{DevArgs, PodArgs, S3Args};
use crate::sim::SimArgs;

/// Keeps a service's state warm: decides which pod owns which keys, and takes each request there.
///
/// Exit codes: 0 all went well; 1 something failed, or an answer was wrong; 2 the input was bad.
#[derive(Debug, Parser)]
#[command(name = "emberkeep", version)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Dev(DevArgs),
    /// Run one member of the assigner until it is told to stop.
    Assigner(AssignerArgs),
    /// Look at a running cluster, and change it.
    Admin(AdminArgs),
    /// What the brains of a cluster do, without the cluster.
    Sim(SimArgs),
    Bench(BenchArgs),
    /// One pod of the demo service, as `dev` starts it.
    #[command(hide = true)]
    DevPod(PodArgs),
    /// The S3 server of `dev`.
    #[command(hide = true)]
    DevS3(S3Args),
    /// A pod that reads its own keys, as `bench` starts it.
    #[command(hide = true)]
    BenchReader(ReaderArgs),
    /// One pod of the demo service, as `bench` starts it.
    #[command(hide = true)]
    BenchPod(DemoPodArgs),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_contradicts_itself_nowhere() {
        Args::command().debug_assert();
    }
}
