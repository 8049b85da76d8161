//! `emberkeep sim`: the brains of a cluster, without the cluster.

mod replay_recording;

use clap::{Args, Subcommand};

use self::replay_recording::ReplayRecordingArgs;
use crate::exit::Failure;

#[derive(Debug, Args)]
pub(crate) struct SimArgs {
    #[command(subcommand)]
    command: SimCommand,
}

#[derive(Debug, Subcommand)]
enum SimCommand {
    ReplayRecording(ReplayRecordingArgs),
}

/// Runs one command and prints what came of it.
pub(crate) fn run(args: SimArgs) -> Result<(), Failure> {
    match args.command {
        SimCommand::ReplayRecording(args) => replay_recording::run(&args),
    }
}
