//! `emberkeep dev`: a whole cluster on this machine, and recorded requests driven through it.

mod args;
mod chaos_args;
mod client;
mod pod;
mod progress;
mod s3;

use std::sync::Arc;

use emberkeep_lab::cluster::DataFolder;
use emberkeep_lab::dev::DevHarness;
use emberkeep_lab::load::{Pace, Schedule};
use emberkeep_lab::report::ProgressEvent;
use emberkeep_sim::workload::RequestTrace;

pub(crate) use self::args::DevArgs;
pub(crate) use self::client::{ClientArgs, run as run_client};
pub(crate) use self::pod::{DemoPodArgs, run as run_pod};
use self::progress::RunProgress;
pub(crate) use self::s3::{S3Args, run as run_s3};
use crate::exit::CommandError;
use crate::file::{create, request_trace, this_program};
use crate::{log, output, stop};

/// Starts a cluster, drives the requests through it, and prints the summary.
pub(crate) async fn run(args: DevArgs) -> Result<(), CommandError> {
    args.chaos.check(args.duration)?;
    let stop = stop::on_signal()?;
    let schedule = Arc::new(schedule_of(&args)?);
    let json = args.json.as_deref().map(create).transpose()?;
    let folder = DataFolder::open(args.data.clone())?;
    let mut telemetry = args.telemetry.start("emberkeep-dev", "clients".to_owned());
    log::to_file(create(&folder.log_of("dev"))?, "info", &telemetry);

    let progress = RunProgress::begin();
    let show = |event: ProgressEvent<'_>| progress.show(&event);
    let starting = DevHarness::start(args.settings(this_program()?), folder, schedule, &show);
    // On `stop`, the processes started so far end when they are dropped.
    let started = stop.run_until_cancelled(starting).await;
    let Some(mut harness) = started.transpose().inspect_err(|_| progress.end())? else {
        progress.end();
        return Ok(());
    };
    telemetry.export_metrics(harness.client_registry());
    let summary = harness.run(&show, stop).await;
    progress.end();
    telemetry.shutdown().await;
    harness.end().await;
    let summary = summary?;
    output::report(&summary, json, "answers", summary.wrong)
}

/// The excerpt repeats; a file does not, unless the run has a duration or a rate.
fn schedule_of(args: &DevArgs) -> Result<Schedule, CommandError> {
    let trace = match &args.trace {
        Some(path) => request_trace(path)?,
        None => RequestTrace::web12_excerpt(),
    };
    let pace = match (args.rate, args.speed) {
        (Some(rate), _) => Pace::Steady(rate),
        (None, 0.0) => Pace::AsAnswered,
        (None, speed) => Pace::Recorded(speed),
    };
    let repeats = args.trace.is_none() || args.duration.is_some() || args.rate.is_some();
    let schedule = Schedule::new(trace, pace, repeats);
    Ok(match args.chaos.hot_key.zip(args.duration) {
        Some((share, run)) => schedule.with_hot_key(share, args.chaos.settings().middle_of(run)),
        None => schedule,
    })
}
