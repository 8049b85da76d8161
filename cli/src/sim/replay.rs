//! `emberkeep sim replay`: one balancer on one trace.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use emberkeep_sim::assignment_log::AssignmentLog;
use emberkeep_sim::load_trace::LoadTrace;
use emberkeep_sim::replay::Tick;
use emberkeep_sim::rivals::Rival;
use emberkeep_sim::score::{ScoreTable, Summary};

use super::outcome;
use super::progress::Progress;
use super::trace_file;
use crate::exit::Failure;

/// Replay a load trace: decide at each tick, write what was decided, score it
#[derive(Debug, Args)]
pub(super) struct ReplayArgs {
    /// The load trace, as JSON Lines
    #[arg(value_name = "TRACE.jsonl")]
    trace: PathBuf,
    /// Write the assignment to this file whenever it changes
    #[arg(long, value_name = "OUT.jsonl")]
    assignments: Option<PathBuf>,
    /// Write the figures to this file
    #[arg(long, value_name = "OUT.json")]
    summary: Option<PathBuf>,
    /// What the balancer knows of the load
    #[arg(long, value_enum, default_value_t = Signals::Exact)]
    signals: Signals,
    /// Who decides: emberkeep, ring, rendezvous or static
    #[arg(long, default_value_t = Rival::Emberkeep)]
    balancer: Rival,
}

/// What a balancer knows of the load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Signals {
    /// The true load of every key, at once
    Exact,
    /// What the pods' meters report, when they report it
    Measured,
}

/// Replays, writes what was asked for, and prints the figures.
pub(super) fn run(args: &ReplayArgs) -> Result<(), Failure> {
    match args.signals {
        Signals::Exact => {}
        Signals::Measured => {
            return Err(Failure::bad_input(
                "--signals measured is not there yet, it must be exact",
            ));
        }
    }
    let progress = Progress::begin();
    let trace = trace_file::read(&args.trace, &progress)?;
    let summary = replayed(args, &trace, &progress)?;
    progress.end();
    if let Some(path) = &args.summary {
        outcome::write_json(path, &summary)?;
    }
    let mut table = ScoreTable::default();
    table.push(&trace_file::title(&args.trace), args.balancer.as_str(), &summary);
    outcome::print(&table)
}

fn replayed(args: &ReplayArgs, trace: &LoadTrace, progress: &Progress) -> Result<Summary, Failure> {
    let mut log = args.assignments.as_deref().map(Log::create).transpose()?;
    let what = format!("{} by {}", trace_file::title(&args.trace), args.balancer);
    let summary = outcome::replay(trace, args.balancer, &what, progress, |tick| match &mut log {
        Some(log) if tick.has_changed => log.write(tick, trace),
        Some(_) | None => Ok(()),
    })?;
    log.map_or(Ok(()), Log::finish)?;
    Ok(summary)
}

/// The file of assignments.
struct Log<'a> {
    path: &'a Path,
    log: AssignmentLog<BufWriter<File>>,
}

impl<'a> Log<'a> {
    fn create(path: &'a Path) -> Result<Self, Failure> {
        let file = File::create(path).map_err(|error| cannot_write(path, &error))?;
        let log = AssignmentLog::new(BufWriter::new(file));
        Ok(Self { path, log })
    }

    fn write(&mut self, tick: &Tick<'_>, trace: &LoadTrace) -> Result<(), Failure> {
        let written = self.log.write(tick.at_ms, tick.ownership, trace.pods());
        written.map_err(|error| cannot_write(self.path, &error))
    }

    fn finish(self) -> Result<(), Failure> {
        let path = self.path;
        let finished = self.log.finish().map(|_| ());
        finished.map_err(|error| cannot_write(path, &error))
    }
}

fn cannot_write(path: &Path, error: &std::io::Error) -> Failure {
    Failure::bad_input(format!("cannot write assignments {}: {error}", path.display()))
}
