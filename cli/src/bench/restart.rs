//! `emberkeep bench restart`: what a pod with a disk tier still has after it was restarted.

use std::fmt;
use std::time::Duration;

use clap::Args;
use emberkeep_proto::pb;
use serde::Serialize;

use super::Report;
use super::args::{Budget, FreshnessChoice, PlaceArgs};
use super::reader::{ReaderReport, TARGET};
use super::reads::ReadsReport;
use super::site::{Site, step};
use super::table::{Table, mib, share};
use super::value::{keys_of, value_of};
use crate::dev::Child;
use crate::exit::Failure;

/// Restart a pod that has a disk tier: how much of its state it still finds there.
///
/// A pod reads each object once, is ended by SIGTERM or by SIGKILL, started again, and reads each object once more. Where
/// only the owner writes, each object is checked: one request of the store that moves no bytes.
#[derive(Debug, Args)]
pub(super) struct RestartArgs {
    /// How many objects there are
    #[arg(long, value_name = "COUNT", default_value_t = 4_096, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    objects: u32,
    /// The size of each, up to 64MiB
    #[arg(long, value_name = "SIZE", default_value = "64KiB", value_parser = super::args::object_size_from)]
    size: u64,
    /// The memory budget
    #[arg(long, value_name = "SIZE", default_value = "512MiB")]
    budget: Budget,
    /// The size of the disk tier, at least 256MiB
    #[arg(long, value_name = "SIZE", default_value = "1GiB")]
    disk: Budget,
    /// How many are read at a time
    #[arg(long, value_name = "COUNT", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=1024))]
    width: u16,
    #[command(flatten)]
    pub(super) place: PlaceArgs,
}

/// How the pod ends.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
enum Ending {
    Sigterm,
    Sigkill,
}

/// What came of it. The names of its fields are a promise.
#[derive(Debug, Serialize)]
pub(super) struct RestartReport {
    objects: u32,
    object_bytes: u64,
    restarts: Vec<Restart>,
}

#[derive(Debug, Serialize)]
struct Restart {
    freshness: &'static str,
    ending: Ending,
    /// How long the slicelet took to start again, its index with it.
    started_in_ms: f64,
    before: ReadsReport,
    after: ReadsReport,
}

/// How long a pod may take to write down what it has.
const END_TIMEOUT: Duration = Duration::from_secs(30);

pub(super) async fn run(args: RestartArgs) -> Result<RestartReport, Failure> {
    let site = Site::open(&args.place).await?;
    site.create_target(TARGET, pb::TargetSettings::default()).await?;
    let keys = keys_of(args.size, args.objects);
    site.write(TARGET, &keys, |key| value_of(key, args.size)).await?;
    let mut restarts = Vec::new();
    for freshness in [FreshnessChoice::Immutable, FreshnessChoice::OwnerWrites] {
        for ending in [Ending::Sigterm, Ending::Sigkill] {
            step(&format!("restarting after {ending}, {}", freshness.word()));
            restarts.push(restart(&site, &args, freshness, ending).await?);
        }
    }
    site.end().await;
    Ok(RestartReport {
        objects: args.objects,
        object_bytes: args.size,
        restarts,
    })
}

impl Report for RestartReport {
    fn wrong(&self) -> u64 {
        let wrong = |restart: &Restart| restart.before.wrong + restart.after.wrong;
        self.restarts.iter().map(wrong).sum()
    }
}

async fn restart(
    site: &Site,
    args: &RestartArgs,
    freshness: FreshnessChoice,
    ending: Ending,
) -> Result<Restart, Failure> {
    let disk = site.disk_of("reader")?;
    let words = || {
        [
            format!("--objects={}", args.objects),
            format!("--size={}", args.size),
            format!("--budget={}", args.budget.0),
            format!("--disk={}", disk.display()),
            format!("--disk-size={}", args.disk.0),
            format!("--freshness={}", freshness.word()),
            format!("--width={}", args.width),
            "--reads=0".to_owned(),
            "--choice=uniform".to_owned(),
        ]
    };
    let mut first = Child::start(site.spec("reader", "bench-reader", words())).await?;
    let before = ReaderReport::of(&mut first).await?;
    match ending {
        Ending::Sigterm => first.terminate(END_TIMEOUT).await?,
        Ending::Sigkill => first.kill().await?,
    }
    let mut second = Child::start(site.spec("reader", "bench-reader", words())).await?;
    let after = ReaderReport::of(&mut second).await?;
    second.end().await;
    Ok(Restart {
        freshness: freshness.word(),
        ending,
        started_in_ms: after.started_in_ms,
        before: before.once,
        after: after.once,
    })
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sigterm => "SIGTERM",
            Self::Sigkill => "SIGKILL",
        })
    }
}

impl fmt::Display for RestartReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} objects of {} bytes, each read once after the restart",
            self.objects, self.object_bytes
        )?;
        let headings = [
            "freshness",
            "ended by",
            "index back in",
            "without the store",
            "checked only",
            "read whole",
            "store bytes",
            "failed",
            "reads/s",
        ];
        write!(f, "{}", Table::of(headings, self.restarts.iter().map(Restart::line)))
    }
}

impl Restart {
    fn line(&self) -> [String; 9] {
        let after = &self.after;
        [
            self.freshness.to_owned(),
            self.ending.to_string(),
            format!("{:.0} ms", self.started_in_ms),
            share(after.from_disk, after.reads),
            share(after.store_checks, after.reads),
            share(after.store_requests - after.store_checks, after.reads),
            mib(after.store_bytes),
            after.failed.to_string(),
            format!("{:.0}", after.reads as f64 / after.seconds.max(1e-9)),
        ]
    }
}
