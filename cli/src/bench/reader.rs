//! `emberkeep bench-reader`: a pod that reads its own keys, in a process of its own so that its memory is its alone.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use emberkeep_slicelet::{Slicelet, Store};
use rand::SeedableRng;
use rand::rngs::SmallRng;
use serde::{Deserialize, Serialize};

use super::args::{Budget, FreshnessChoice, ObjectsArgs};
use super::choice::{Choice, Chooser};
use super::local_pod::LocalPod;
use super::memory::resident_bytes;
use super::reads::{Reading, ReadsReport};
use super::value::keys_of;
use crate::dev::{Child, failure_of_store};
use crate::exit::Failure;
use crate::{log, ready, stop};

/// The target of the objects that are read.
pub(super) const TARGET: &str = "bench";
/// How long all reads may take.
const READS_TIMEOUT: Duration = Duration::from_secs(3_600);

#[derive(Debug, Args)]
pub(crate) struct ReaderArgs {
    /// The pod's name
    #[arg(long)]
    name: String,
    /// The assigner
    #[arg(long)]
    assigner: String,
    /// Where the objects are
    #[arg(long)]
    store: String,
    #[command(flatten)]
    objects: ObjectsArgs,
    /// Its memory budget
    #[arg(long)]
    budget: Budget,
    /// Its disk tier
    #[arg(long)]
    disk: PathBuf,
    /// The size of that
    #[arg(long)]
    disk_size: Budget,
    /// How long values count
    #[arg(long, value_enum)]
    freshness: FreshnessChoice,
    /// How many are read at a time
    #[arg(long)]
    width: usize,
    /// How many are read by choice, after each was read once
    #[arg(long)]
    reads: u32,
    /// By which choice
    #[arg(long, value_enum)]
    choice: Choice,
}

/// What a reader says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ReaderReport {
    /// How long the slicelet took to start: most of it, to read the index of the disk tier.
    pub(super) started_in_ms: f64,
    pub(super) rss_before_bytes: u64,
    /// Each object once, in order.
    pub(super) once: ReadsReport,
    /// By choice.
    pub(super) chosen: ReadsReport,
}

impl ReaderReport {
    /// What the reader says when it has read all.
    pub(super) async fn of(reader: &mut Child) -> Result<Self, Failure> {
        let line = reader.line(READS_TIMEOUT).await?;
        serde_json::from_str(&line).map_err(|error| Failure::failed(format!("a reader said {line:?}: {error}")))
    }
}

/// Reads, says what came of it, and waits to be told to stop.
pub(crate) async fn run(args: ReaderArgs) -> Result<(), Failure> {
    log::to_stderr("info");
    stop::with_parent();
    let stop = stop::on_signal()?;
    let store = Store::from_url(&args.store).await.map_err(failure_of_store)?;
    let builder = Slicelet::builder(TARGET)
        .pod_name(&args.name)
        .assigner(&args.assigner)
        .store(store)
        .memory_budget(args.budget.as_size())
        .disk_cache(&args.disk, args.disk_size.as_size())
        .freshness(args.freshness.into());
    let pod = LocalPod::start(builder).await?;
    ready::announce("reader")?;
    let report = stop.run_until_cancelled(read(&pod, &args)).await.transpose()?;
    if let Some(report) = report {
        say(&report)?;
        stop.cancelled().await;
    }
    pod.end().await;
    Ok(())
}

async fn read(pod: &LocalPod<emberkeep_slicelet::Raw>, args: &ReaderArgs) -> Result<ReaderReport, Failure> {
    let ObjectsArgs { objects, size } = args.objects;
    let keys = keys_of(size, objects);
    pod.owns(&keys[0]).await?;
    let rss_before_bytes = resident_bytes()?;
    let count = keys.len();
    let reading = Reading::new(pod.slicelet.clone(), keys, size, args.width);
    let once = reading.of(0..count).await;
    let mut chance = SmallRng::seed_from_u64(1);
    let chooser = Chooser::new(args.choice, count, &mut chance);
    let chosen = reading.of((0..args.reads).map(|_| chooser.draw(&mut chance))).await;
    Ok(ReaderReport {
        started_in_ms: pod.started_in.as_secs_f64() * 1e3,
        rss_before_bytes,
        once,
        chosen,
    })
}

fn say(report: &ReaderReport) -> Result<(), Failure> {
    let line = serde_json::to_string(report).expect("numbers can be written");
    let mut output = std::io::stdout();
    writeln!(output, "{line}")
        .and_then(|()| output.flush())
        .map_err(|error| Failure::failed(format!("cannot write to standard output: {error}")))
}
