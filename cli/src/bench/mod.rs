//! `emberkeep bench`: measurements on this machine, with a table each.

mod args;
mod budget;
#[cfg(feature = "otlp")]
mod caller;
mod herd;
mod reader;
mod restart;
mod state_tax;
#[cfg(feature = "otlp")]
mod tracing;
mod transfer;

use std::fs::File;
use std::path::Path;

use clap::{Args, Subcommand};
use emberkeep_lab::bench::{self, BenchReport};
use emberkeep_lab::report::ProgressEvent;

use self::budget::BudgetArgs;
#[cfg(feature = "otlp")]
pub(crate) use self::caller::{CallerArgs, run as run_caller};
use self::herd::HerdArgs;
pub(crate) use self::reader::{ReaderArgs, run as run_reader};
use self::restart::RestartArgs;
use self::state_tax::StateTaxArgs;
#[cfg(feature = "otlp")]
use self::tracing::TracingArgs;
use self::transfer::TransferArgs;
use crate::exit::CommandError;
use crate::file::{create, this_program};
use crate::{output, stop};

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
    #[cfg(feature = "otlp")]
    Tracing(TracingArgs),
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
        BenchCommand::StateTax(args) => print(
            &bench::state_tax(args.environment.open()?, args.settings(), &show).await?,
            json,
        ),
        BenchCommand::Budget(args) => print(
            &bench::budget(args.environment.open()?, args.settings(), &show).await?,
            json,
        ),
        BenchCommand::Restart(args) => print(
            &bench::restart(args.environment.open()?, args.settings(), &show).await?,
            json,
        ),
        BenchCommand::Herd(args) => print(&bench::herd(args.into_settings(this_program()?), &show).await?, json),
        BenchCommand::Transfer(args) => print(
            &bench::transfer(args.environment.open()?, args.settings(), &show).await?,
            json,
        ),
        #[cfg(feature = "otlp")]
        BenchCommand::Tracing(args) => print(
            &bench::tracing(args.environment.open()?, args.settings(), &show).await?,
            json,
        ),
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
            #[cfg(feature = "otlp")]
            Self::Tracing(args) => args.environment.json.as_deref(),
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

fn print(report: &impl BenchReport, json: Option<File>) -> Result<(), CommandError> {
    output::report(report, json, "values", report.wrong())
}
