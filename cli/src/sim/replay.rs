//! `emberkeep sim replay`: one balancer on one trace.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use emberkeep_sim::assignment_log::AssignmentLog;
use emberkeep_sim::balancers::BalancerKind;
use emberkeep_sim::load_trace::LoadTrace;
use emberkeep_sim::measured::{MeasuredCluster, MeasuredFigures};
use emberkeep_sim::ownership::OwnershipMap;
use emberkeep_sim::score::{ScoreTable, Summary};
use serde::Serialize;

use super::sim_progress::SimProgress;
use super::timed_replay::timed_replay;
use super::trace_file;
use crate::exit::CommandError;
use crate::file::{create, title};
use crate::output;

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
        let kind = args.balancer;
        return Err(CommandError::bad_input(format!(
            "--signals measured needs --balancer emberkeep, {kind} measures nothing"
        )));
    }
    let progress = SimProgress::begin();
    let trace = trace_file::read(&args.trace, &progress)?;
    let replayed = replay(args, &trace, &progress).map_err(|error| {
        let path = args.assignments.clone().unwrap_or_default();
        CommandError::bad_input(format!("cannot write assignments {}: {error}", path.display()))
    })?;
    progress.end();
    if let Some(path) = &args.summary {
        output::write_json(create(path)?, &replayed)?;
    }
    let mut table = ScoreTable::default();
    table.push(&title(&args.trace), args.balancer.as_str(), &replayed.summary);
    output::print(table)?;
    replayed.measured.map_or(Ok(()), output::print)
}

/// The figures of a replay.
#[derive(Debug, Serialize)]
struct ReplayFigures {
    #[serde(flatten)]
    summary: Summary,
    #[serde(skip_serializing_if = "Option::is_none")]
    measured: Option<MeasuredFigures>,
}

/// The file of assignments.
type Log = AssignmentLog<BufWriter<File>>;

/// Fails if the assignments cannot be written.
fn replay(args: &ReplayArgs, trace: &LoadTrace, progress: &SimProgress) -> io::Result<ReplayFigures> {
    let file = args.assignments.as_ref().map(File::create).transpose()?;
    let mut log = file.map(|file| AssignmentLog::new(BufWriter::new(file)));
    let figures = match args.signals {
        SignalSource::Exact => exact(args, trace, progress, &mut log)?,
        SignalSource::Measured => measured(args, trace, progress, &mut log)?,
    };
    log.map_or(Ok(()), |log| log.finish().map(drop))?;
    Ok(figures)
}

fn exact(
    args: &ReplayArgs,
    trace: &LoadTrace,
    progress: &SimProgress,
    log: &mut Option<Log>,
) -> io::Result<ReplayFigures> {
    let what = format!("{} by {}", title(&args.trace), args.balancer);
    let balancer = &mut *args.balancer.balancer(trace);
    let summary = timed_replay(trace, balancer, &what, progress, |tick| match log {
        Some(log) if tick.has_changed => log.write(tick.at_ms, tick.ownership, trace.pods()),
        Some(_) | None => Ok(()),
    })?;
    Ok(ReplayFigures {
        summary,
        measured: None,
    })
}

/// Writes the assignment used by clients, with the time from which they used it.
fn measured(
    args: &ReplayArgs,
    trace: &LoadTrace,
    progress: &SimProgress,
    log: &mut Option<Log>,
) -> io::Result<ReplayFigures> {
    let mut written = Ok(());
    let mut sink = |at_ms: u64, ownership: &OwnershipMap| {
        if let Some(log) = log.as_mut().filter(|_| written.is_ok()) {
            written = log.write(at_ms, ownership, trace.pods());
        }
    };
    let mut measured = MeasuredCluster::new(trace, args.seed, &mut sink);
    let what = format!("{} in a cluster", title(&args.trace));
    let summary = timed_replay(trace, &mut measured, &what, progress, |_| Ok::<(), io::Error>(()))?;
    let figures = measured.figures();
    written?;
    Ok(ReplayFigures {
        summary,
        measured: Some(figures),
    })
}
