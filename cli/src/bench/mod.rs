//! `emberkeep bench`: measurements on this machine, with a table each.

mod args;
mod budget;
mod herd;
mod reader;
mod restart;
mod state_tax;
mod transfer;

use std::fs::File;
use std::io::Write;
use std::path::Path;

use clap::{Args, Subcommand};
use emberkeep_lab::bench::{self, BenchReport};
use emberkeep_lab::report::ProgressEvent;

use self::budget::BudgetArgs;
use self::herd::HerdArgs;
pub(crate) use self::reader::{ReaderArgs, run as run_reader};
use self::restart::RestartArgs;
use self::state_tax::StateTaxArgs;
use self::transfer::TransferArgs;
use crate::exit::CommandError;
use crate::file::{create, this_program};
use crate::stop;

/// Measure on this machine what warm state gives.
///
/// All processes are started on 127.0.0.1, at free ports, and ended with the measurement.
#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    #[command(subcommand)]
    command: BenchCommand,
}

#[derive(Debug, Subcommand)]
enum BenchCommand {
    StateTax(StateTaxArgs),
    Budget(BudgetArgs),
    Restart(RestartArgs),
    Herd(HerdArgs),
    Transfer(TransferArgs),
}

/// Measures, and prints the table.
pub(crate) async fn run(args: BenchArgs) -> Result<(), CommandError> {
    let stop = stop::on_signal()?;
    let json = args.command.json().map(create).transpose()?;
    // On `stop`, the processes started so far end when they are dropped.
    stop.run_until_cancelled(measure(args.command, json))
        .await
        .unwrap_or(Ok(()))
}

async fn measure(command: BenchCommand, json: Option<File>) -> Result<(), CommandError> {
    match command {
        BenchCommand::StateTax(args) => {
            let settings = args.settings();
            print(bench::state_tax(args.environment.open()?, settings, &show).await?, json)
        }
        BenchCommand::Budget(args) => {
            let settings = args.settings();
            print(bench::budget(args.environment.open()?, settings, &show).await?, json)
        }
        BenchCommand::Restart(args) => {
            let settings = args.settings();
            print(bench::restart(args.environment.open()?, settings, &show).await?, json)
        }
        BenchCommand::Herd(args) => {
            let settings = args.into_settings(this_program()?);
            print(bench::herd(settings, &show).await?, json)
        }
        BenchCommand::Transfer(args) => {
            let settings = args.settings();
            print(bench::transfer(args.environment.open()?, settings, &show).await?, json)
        }
    }
}

impl BenchCommand {
    fn json(&self) -> Option<&Path> {
        match self {
            Self::StateTax(args) => args.environment.json.as_deref(),
            Self::Budget(args) => args.environment.json.as_deref(),
            Self::Restart(args) => args.environment.json.as_deref(),
            Self::Herd(args) => args.json.as_deref(),
            Self::Transfer(args) => args.environment.json.as_deref(),
        }
    }
}

/// Shows progress on standard error, so that standard output contains only the table.
fn show(event: ProgressEvent<'_>) {
    match event {
        ProgressEvent::Step(step) => eprintln!("{step}"),
        ProgressEvent::Part { .. }
        | ProgressEvent::Located(_)
        | ProgressEvent::LoadStarted { .. }
        | ProgressEvent::Sample(_) => {}
    }
}

/// Prints the report, and fails if a value was wrong.
fn print(report: impl BenchReport, json: Option<File>) -> Result<(), CommandError> {
    let cannot = |error| CommandError::failed(format!("cannot write the report: {error}"));
    if let Some(mut file) = json {
        let text = serde_json::to_string_pretty(&report).expect("numbers and names serialize to JSON");
        writeln!(file, "{text}").map_err(cannot)?;
    }
    write!(std::io::stdout(), "{report}").map_err(cannot)?;
    match report.wrong() {
        0 => Ok(()),
        count => Err(CommandError::failed(format!("{count} values were wrong"))),
    }
}
