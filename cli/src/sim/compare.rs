//! `emberkeep sim compare`: several balancers on the same traces.

use std::convert::Infallible;
use std::path::PathBuf;

use clap::Args;
use emberkeep_sim::balancers::BalancerKind;
use emberkeep_sim::compare::{Comparison, RunRecorder, page};
use emberkeep_sim::load_trace::LoadTrace;
use emberkeep_sim::measured::MeasuredCluster;
use emberkeep_sim::replay::Balancer;
use emberkeep_sim::score::ScoreTable;

use super::page_file::PageFile;
use super::sim_progress::SimProgress;
use super::timed_replay::timed_replay;
use super::trace_file;
use crate::exit::CommandError;
use crate::file::title;
use crate::output;

/// Replay load traces with several balancers and compare them, as a table and as a page with plots
///
/// Without a trace, a built-in one is replayed: half an hour with load peaks, a hot key, and pods that are replaced,
/// crash, join and stop.
#[derive(Debug, Args)]
pub(super) struct CompareArgs {
    /// Load traces, as JSON Lines
    #[arg(value_name = "TRACE.jsonl")]
    traces: Vec<PathBuf>,
    /// Write a page with plots to this file, which any browser shows
    #[arg(long, value_name = "FILE.html")]
    html: Option<PathBuf>,
    /// Compare only these: emberkeep, ring, rendezvous, static
    #[arg(long, value_name = "BALANCER", value_delimiter = ',', default_values_t = BalancerKind::ALL)]
    balancer: Vec<BalancerKind>,
    /// Replay each trace also through a whole simulated cluster, which measures load and detects failures
    #[arg(long)]
    measured: bool,
}

/// Replays all traces with all balancers, prints the table, writes the page.
pub(super) fn run(args: &CompareArgs) -> Result<(), CommandError> {
    let file = PageFile::open(args.html.as_deref(), None)?;
    let progress = SimProgress::begin();
    let mut table = ScoreTable::default();
    let mut comparisons = Vec::new();
    if args.traces.is_empty() {
        comparisons.push(compared(BUILTIN, &LoadTrace::builtin(), args, &progress, &mut table));
    }
    for path in &args.traces {
        let trace = trace_file::read(path, &progress)?;
        comparisons.push(compared(&title(path), &trace, args, &progress, &mut table));
    }
    progress.end();
    if let Some(file) = file {
        file.write(&page(&comparisons))?;
    }
    output::print(table)
}

/// The title of the built-in trace.
const BUILTIN: &str = "built-in";

const MEASURED: &str = "in a cluster";
const MEASURED_ABOUT: &str = "Emberkeep's balancer in a simulated cluster: pods measure and report their load, failures are detected, clients receive assignments with a delay; moves after a detection count as voluntary.";
/// The seed of the simulated cluster, the same as the default of `sim replay`.
const SEED: u64 = 1;

fn compared(
    title: &str,
    trace: &LoadTrace,
    args: &CompareArgs,
    progress: &SimProgress,
    table: &mut ScoreTable,
) -> Comparison {
    let mut comparison = Comparison::new(title, trace);
    let mut run = |name, about, balancer: &mut dyn Balancer| {
        let mut recorder = RunRecorder::new(trace);
        let Ok(summary) = timed_replay(trace, balancer, &format!("{title} by {name}"), progress, |tick| {
            recorder.record(tick);
            Ok::<(), Infallible>(())
        });
        table.push(title, name, &summary);
        comparison.push(recorder.into_run(name, about, summary));
    };
    for kind in &args.balancer {
        run(kind.as_str(), kind.about(), &mut *kind.balancer(trace));
    }
    if args.measured {
        let mut sink = |_, _: &_| {};
        run(
            MEASURED,
            MEASURED_ABOUT,
            &mut MeasuredCluster::new(trace, SEED, &mut sink),
        );
    }
    comparison
}
