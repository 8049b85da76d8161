//! `emberkeep sim`: the simulator on the command line.

mod compare;
mod page_file;
mod replay;
mod replay_recording;
mod requests;
mod run;
mod sim_progress;
mod soak;
mod timed_replay;
mod trace_file;

use clap::{Args, Subcommand};

use self::compare::CompareArgs;
use self::replay::ReplayArgs;
use self::replay_recording::ReplayRecordingArgs;
use self::requests::RequestsArgs;
use self::run::RunArgs;
use self::soak::SoakArgs;
use crate::exit::CommandError;

#[derive(Debug, Args)]
pub(crate) struct SimArgs {
    #[command(subcommand)]
    command: SimCommand,
}

#[derive(Debug, Subcommand)]
enum SimCommand {
    Compare(CompareArgs),
    Replay(ReplayArgs),
    ReplayRecording(ReplayRecordingArgs),
    Requests(RequestsArgs),
    Run(RunArgs),
    Soak(SoakArgs),
}

/// Runs one command and prints its result.
pub(crate) fn run(args: SimArgs) -> Result<(), CommandError> {
    match args.command {
        SimCommand::Compare(args) => compare::run(&args),
        SimCommand::Replay(args) => replay::run(&args),
        SimCommand::ReplayRecording(args) => replay_recording::run(&args),
        SimCommand::Requests(args) => requests::run(&args),
        SimCommand::Run(args) => run::run(&args),
        SimCommand::Soak(args) => soak::run(&args),
    }
}
