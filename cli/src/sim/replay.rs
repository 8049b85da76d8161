//! `emberkeep sim replay`: one balancer on one trace.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use emberkeep_sim::assignment_log::AssignmentLog;
use emberkeep_sim::balancers::BalancerKind;
use emberkeep_sim::load_trace::LoadTrace;
use emberkeep_sim::measured::{MeasuredCluster, MeasuredFigures};
use emberkeep_sim::ownership::OwnershipMap;
use emberkeep_sim::score::{ScoreTable, Summary};
use serde::Serialize;

use super::outcome;
use super::sim_progress::SimProgress;
use super::trace_file;
use crate::exit::CommandError;

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
    /// The load signals that the balancer gets
    #[arg(long, value_enum, default_value_t = SignalSource::Exact)]
    signals: SignalSource,
    /// The balancer: emberkeep, ring, rendezvous or static
    #[arg(long, default_value_t = BalancerKind::Emberkeep)]
    balancer: BalancerKind,
    /// The seed of the simulated cluster, with measured signals
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// The load signals that a balancer gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SignalSource {
    /// The true load of every key, without delay
    Exact,
    /// What pods measure and report, in a simulated cluster with network, Raft and failure detection
    Measured,
}

/// Replays, writes the requested files, and prints the figures.
pub(super) fn run(args: &ReplayArgs) -> Result<(), CommandError> {
    if args.signals == SignalSource::Measured && args.balancer != BalancerKind::Emberkeep {
        let rival = args.balancer;
        return Err(CommandError::bad_input(format!(
            "--signals measured needs --balancer emberkeep, {rival} measures nothing"
        )));
    }
    let progress = SimProgress::begin();
    let trace = trace_file::read(&args.trace, &progress)?;
    let replayed = match args.signals {
        SignalSource::Exact => exact(args, &trace, &progress)?,
        SignalSource::Measured => measured(args, &trace, &progress)?,
    };
    progress.end();
    if let Some(path) = &args.summary {
        outcome::write_json(path, &replayed)?;
    }
    let mut table = ScoreTable::default();
    table.push(
        &trace_file::title(&args.trace),
        args.balancer.as_str(),
        &replayed.summary,
    );
    outcome::print(&table)?;
    replayed.measured.map_or(Ok(()), |figures| outcome::print(&figures))
}

/// The figures of a replay.
#[derive(Debug, Serialize)]
struct ReplayFigures {
    #[serde(flatten)]
    summary: Summary,
    #[serde(skip_serializing_if = "Option::is_none")]
    measured: Option<MeasuredFigures>,
}

fn exact(args: &ReplayArgs, trace: &LoadTrace, progress: &SimProgress) -> Result<ReplayFigures, CommandError> {
    let mut log = args.assignments.as_deref().map(Log::create).transpose()?;
    let what = format!("{} by {}", trace_file::title(&args.trace), args.balancer);
    let balancer = &mut *args.balancer.balancer(trace);
    let summary = outcome::replay(trace, balancer, &what, progress, |tick| match &mut log {
        Some(log) if tick.has_changed => log.write(tick.at_ms, tick.ownership, trace),
        Some(_) | None => Ok(()),
    })?;
    log.map_or(Ok(()), Log::finish)?;
    Ok(ReplayFigures {
        summary,
        measured: None,
    })
}

/// Writes the assignment used by clients, with the time from which they used it.
fn measured(args: &ReplayArgs, trace: &LoadTrace, progress: &SimProgress) -> Result<ReplayFigures, CommandError> {
    let mut log = args.assignments.as_deref().map(Log::create).transpose()?;
    let mut written = Ok(());
    let mut sink = |at_ms: u64, ownership: &OwnershipMap| {
        if let Some(log) = log.as_mut().filter(|_| written.is_ok()) {
            written = log.write(at_ms, ownership, trace);
        }
    };
    let mut measured = MeasuredCluster::new(trace, args.seed, &mut sink);
    let what = format!("{} in a cluster", trace_file::title(&args.trace));
    let summary = outcome::replay(trace, &mut measured, &what, progress, |_| Ok(()))?;
    let figures = measured.figures();
    written?;
    log.map_or(Ok(()), Log::finish)?;
    Ok(ReplayFigures {
        summary,
        measured: Some(figures),
    })
}

/// The file of assignments.
struct Log<'a> {
    path: &'a Path,
    log: AssignmentLog<BufWriter<File>>,
}

impl<'a> Log<'a> {
    fn create(path: &'a Path) -> Result<Self, CommandError> {
        let file = File::create(path).map_err(|error| cannot_write(path, &error))?;
        let log = AssignmentLog::new(BufWriter::new(file));
        Ok(Self { path, log })
    }

    fn write(&mut self, at_ms: u64, ownership: &OwnershipMap, trace: &LoadTrace) -> Result<(), CommandError> {
        let written = self.log.write(at_ms, ownership, trace.pods());
        written.map_err(|error| cannot_write(self.path, &error))
    }

    fn finish(self) -> Result<(), CommandError> {
        let path = self.path;
        let finished = self.log.finish().map(|_| ());
        finished.map_err(|error| cannot_write(path, &error))
    }
}

fn cannot_write(path: &Path, error: &std::io::Error) -> CommandError {
    CommandError::bad_input(format!("cannot write assignments {}: {error}", path.display()))
}
