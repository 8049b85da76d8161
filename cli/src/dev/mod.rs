//! `emberkeep dev`: a whole cluster on this machine, and recorded requests driven through it.

mod args;
mod chaos_args;
mod pod;
mod progress;
mod s3;

use std::fs::File;
use std::io::{BufReader, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use emberkeep_lab::cluster::DataFolder;
use emberkeep_lab::dev::DevHarness;
use emberkeep_lab::load::{Pace, Schedule};
use emberkeep_lab::report::{ProgressEvent, RunSummary};
use emberkeep_sim::workload::RequestTrace;

pub(crate) use self::args::DevArgs;
pub(crate) use self::pod::{DemoPodArgs, run as run_pod};
use self::progress::RunProgress;
pub(crate) use self::s3::{S3Args, run as run_s3};
use crate::exit::CommandError;
use crate::file::{create, this_program};
use crate::{log, stop};

/// Starts a cluster, drives the requests through it, and prints the summary.
pub(crate) async fn run(args: DevArgs) -> Result<(), CommandError> {
    args.chaos.check(args.duration)?;
    let stop = stop::on_signal()?;
    let schedule = Arc::new(schedule_of(&args)?);
    let json = args.json.as_deref().map(create).transpose()?;
    let folder = DataFolder::open(args.data.clone())?;
    log::to_file(create(&folder.log_of("dev"))?, "info");

    let progress = RunProgress::begin();
    let show = |event: ProgressEvent<'_>| progress.show(&event);
    let starting = DevHarness::start(args.settings(this_program()?), folder, schedule, &show);
    // On `stop`, the processes started so far end when they are dropped.
    let started = stop.run_until_cancelled(starting).await;
    let Some(mut harness) = started.transpose().inspect_err(|_| progress.end())? else {
        progress.end();
        return Ok(());
    };
    let summary = harness.run(&show, stop).await;
    progress.end();
    harness.end().await;
    print(&summary?, json)
}

/// The excerpt repeats; a file does not, unless the run has a duration or a rate.
fn schedule_of(args: &DevArgs) -> Result<Schedule, CommandError> {
    let trace = match &args.trace {
        Some(path) => trace_from(path)?,
        None => RequestTrace::web12_excerpt(),
    };
    let pace = match (args.rate, args.speed) {
        (Some(rate), _) => Pace::Steady(rate),
        (None, 0.0) => Pace::AsAnswered,
        (None, speed) => Pace::Recorded(speed),
    };
    let repeats = args.trace.is_none() || args.duration.is_some() || args.rate.is_some();
    let schedule = Schedule::new(trace, pace, repeats);
    Ok(match (args.chaos.hot_key, args.duration) {
        (Some(share), Some(run)) => {
            let warm_up = args.chaos.settings().warm_up(Some(run));
            schedule.with_hot_key(share, middle_of(run, warm_up))
        }
        (Some(_), None) | (None, _) => schedule,
    })
}

/// The middle of the time after the warm-up.
fn middle_of(run: Duration, warm_up: Duration) -> Duration {
    warm_up + run.saturating_sub(warm_up) / 2
}

fn trace_from(path: &Path) -> Result<RequestTrace, CommandError> {
    let file = File::open(path);
    let file =
        file.map_err(|error| CommandError::bad_input(format!("cannot read trace {}: {error}", path.display())))?;
    RequestTrace::read(BufReader::new(file))
        .map_err(|error| CommandError::bad_input(format!("trace {}, {error}", path.display())))
}

/// Prints the summary, and fails if an answer was wrong.
fn print(summary: &RunSummary, json: Option<File>) -> Result<(), CommandError> {
    let cannot = |error| CommandError::failed(format!("cannot write the summary: {error}"));
    if let Some(mut file) = json {
        let text = serde_json::to_string_pretty(summary).expect("numbers and names serialize to JSON");
        writeln!(file, "{text}").map_err(cannot)?;
    }
    write!(std::io::stdout(), "{summary}").map_err(cannot)?;
    match summary.wrong {
        0 => Ok(()),
        count => Err(CommandError::failed(format!("{count} answers were wrong"))),
    }
}
