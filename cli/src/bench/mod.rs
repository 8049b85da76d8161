//! `emberkeep bench`: what the state layer gives on this machine, one table each.
//!
//! ```text
//! this process                        processes of their own, which end with this one
//! state-tax   slicelet, redis client  assigner, dev-s3, redis-server
//! budget      samples and a table     assigner, dev-s3, bench-reader (slicelet that reads its own keys)
//! restart     kills and a table       assigner, dev-s3, bench-reader
//! herd        S3 of limited capacity, assigner, bench-pod ... (demo service on the slicelet SDK)
//!             load, kills and a table
//! transfer    load and a table        assigner, dev-s3, bench-pod, and bench-pod that takes its place
//! ```

mod args;
mod budget;
mod choice;
mod demo_pod;
mod document;
mod herd;
mod herd_report;
mod local_pod;
mod memory;
mod reader;
mod reads;
mod redis;
mod restart;
mod site;
mod state_tax;
mod table;
mod transfer;
mod transfer_report;
mod value;

use std::fmt::Display;
use std::fs::File;
use std::io::Write;
use std::path::Path;

use clap::{Args, Subcommand};
use serde::Serialize;

use self::budget::BudgetArgs;
pub(crate) use self::demo_pod::{DemoPodArgs, run as run_demo_pod};
use self::herd::HerdArgs;
pub(crate) use self::reader::{ReaderArgs, run as run_reader};
use self::restart::RestartArgs;
use self::state_tax::StateTaxArgs;
use self::transfer::TransferArgs;
use crate::dev::create;
use crate::exit::Failure;
use crate::stop;

/// Measure on this machine what keeping state warm gives.
///
/// Everything that is needed is started on 127.0.0.1, at free ports, and ended with the measurement.
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

/// Measures what was asked for, and prints the table.
pub(crate) async fn run(args: BenchArgs) -> Result<(), Failure> {
    let stop = stop::on_signal()?;
    let json = args.command.json().map(create).transpose()?;
    let measured = async {
        match args.command {
            BenchCommand::StateTax(args) => tell(Box::pin(state_tax::run(args)).await?, json),
            BenchCommand::Budget(args) => tell(Box::pin(budget::run(args)).await?, json),
            BenchCommand::Restart(args) => tell(Box::pin(restart::run(args)).await?, json),
            BenchCommand::Herd(args) => tell(Box::pin(herd::run(args)).await?, json),
            BenchCommand::Transfer(args) => tell(Box::pin(transfer::run(args)).await?, json),
        }
    };
    // What has been started so far ends when it is dropped.
    stop.run_until_cancelled(measured).await.unwrap_or(Ok(()))
}

impl BenchCommand {
    fn json(&self) -> Option<&Path> {
        match self {
            Self::StateTax(args) => args.place.json.as_deref(),
            Self::Budget(args) => args.place.json.as_deref(),
            Self::Restart(args) => args.place.json.as_deref(),
            Self::Herd(args) => args.json.as_deref(),
            Self::Transfer(args) => args.place.json.as_deref(),
        }
    }
}

/// What came of a measurement: for people, and as JSON.
trait Report: Serialize + Display {
    /// How many values were not what their keys must give.
    fn wrong(&self) -> u64;
}

/// Prints the report, and fails if a value was wrong.
fn tell(report: impl Report, json: Option<File>) -> Result<(), Failure> {
    let cannot = |error| Failure::failed(format!("cannot write the report: {error}"));
    if let Some(mut file) = json {
        let text = serde_json::to_string_pretty(&report).expect("numbers and names can be written");
        writeln!(file, "{text}").map_err(cannot)?;
    }
    write!(std::io::stdout(), "{report}").map_err(cannot)?;
    match report.wrong() {
        0 => Ok(()),
        count => Err(Failure::failed(format!("{count} values were wrong"))),
    }
}
