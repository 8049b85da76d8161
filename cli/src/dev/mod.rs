//! `emberkeep dev`: a whole cluster on this machine, and recorded requests driven through it.
//!
//! ```text
//! this process                               processes of their own, which end with this one
//! schedule --> load --> clerks ------------> dev-pod ... (demo service on the slicelet SDK)
//!                |                              |    \--> reads/ (what was read from the store)
//!                v                              v
//!              tally --> summary             dev-s3, or a folder
//!                ^
//! caretaker -----+--- deeds: kills, drains, cuts, starts --> assigner ..., dev-pod ...
//! ```

mod args;
mod assignment_log;
mod caretaker;
mod child;
mod clients;
mod cluster;
mod data_folder;
mod deeds;
mod demo;
mod event_kind;
mod events;
mod hot_key;
mod key_owners;
mod link;
mod load;
mod members;
mod pod;
mod pod_process;
mod ports;
mod progress;
mod read_ledger;
mod reply;
mod run;
mod s3;
mod schedule;
mod seed;
mod stage;
mod storage;
mod summary;
mod tally;
mod target;
mod unavailability;
mod worst_second;
mod written;

use std::fs::File;
use std::io::{BufReader, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use emberkeep_sim::workload::RequestTrace;

pub(crate) use self::args::DevArgs;
pub(crate) use self::assignment_log::AssignmentLog;
pub(crate) use self::child::{Child, ChildSpec, Signal};
pub(crate) use self::clients::Clients;
pub(crate) use self::data_folder::DataFolder;
pub(crate) use self::demo::{TARGET as DEMO_TARGET, value_of as demo_value_of};
pub(crate) use self::load::drive;
pub(crate) use self::members::{Member, members_of};
pub(crate) use self::pod::{PodArgs, run as run_pod, serve as serve_demo};
pub(crate) use self::ports::free_port;
use self::progress::Progress;
pub(crate) use self::read_ledger::{LedgeredStore, Reads};
pub(crate) use self::reply::{Outcome, Reply};
pub(crate) use self::run::Run;
pub(crate) use self::s3::{BUCKET, S3Args, run as run_s3};
pub(crate) use self::schedule::{Due, Pace, Schedule};
pub(crate) use self::seed::write_missing;
use self::stage::Stage;
pub(crate) use self::storage::{Storage, StoreChoice, failure_of as failure_of_store};
use self::summary::Summary;
use crate::exit::Failure;
use crate::{log, stop};

/// Starts a cluster, drives the requests through it, and prints the summary.
pub(crate) async fn run(args: DevArgs) -> Result<(), Failure> {
    args.deeds.check(args.duration)?;
    let stop = stop::on_signal()?;
    let schedule = Arc::new(schedule_of(&args)?);
    let json = args.json.as_deref().map(create).transpose()?;
    let folder = DataFolder::open(args.data.clone())?;
    log::to_file(create(&folder.log_of("dev"))?, "info");

    let progress = Progress::begin();
    let setting = Stage::set(&args, folder, &schedule, &progress);
    // What has been started so far ends when it is dropped.
    let set = stop.run_until_cancelled(setting).await;
    let Some(mut stage) = set.transpose().inspect_err(|_| progress.end())? else {
        progress.end();
        return Ok(());
    };
    let summary = stage.play(&args, schedule, &progress, stop).await;
    progress.end();
    stage.clear().await;
    tell(&summary?, json)
}

/// The excerpt has no end of its own; a file ends, unless it is to last longer.
fn schedule_of(args: &DevArgs) -> Result<Schedule, Failure> {
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
    Ok(match (args.deeds.hot_key, args.duration) {
        (Some(share), Some(run)) => schedule.with_hot_key(share, middle_of(run, args.deeds.warm_up(Some(run)))),
        (Some(_), None) | (None, _) => schedule,
    })
}

/// The middle of what follows the warm-up.
fn middle_of(run: Duration, warm_up: Duration) -> Duration {
    warm_up + run.saturating_sub(warm_up) / 2
}

fn trace_from(path: &Path) -> Result<RequestTrace, Failure> {
    let file = File::open(path);
    let file = file.map_err(|error| Failure::bad_input(format!("cannot read trace {}: {error}", path.display())))?;
    RequestTrace::read(BufReader::new(file))
        .map_err(|error| Failure::bad_input(format!("trace {}, {error}", path.display())))
}

/// A file that is to be written, known to be writable before anything is started.
pub(crate) fn create(path: &Path) -> Result<File, Failure> {
    File::create(path).map_err(|error| Failure::bad_input(format!("cannot write {}: {error}", path.display())))
}

/// Prints the summary, and fails if an answer was wrong.
fn tell(summary: &Summary, json: Option<File>) -> Result<(), Failure> {
    let cannot = |error| Failure::failed(format!("cannot write the summary: {error}"));
    if let Some(mut file) = json {
        let text = serde_json::to_string_pretty(summary).expect("numbers and names can be written");
        writeln!(file, "{text}").map_err(cannot)?;
    }
    write!(std::io::stdout(), "{summary}").map_err(cannot)?;
    match summary.wrong {
        0 => Ok(()),
        count => Err(Failure::failed(format!("{count} answers were wrong"))),
    }
}
