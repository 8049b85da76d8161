//! `emberkeep bench restart`: the values that a pod with a disk tier still has after a restart.

use std::fmt;

use emberkeep_proto::pb;
use emberkeep_slicelet::ByteSize;
use futures::FutureExt;
use futures::future::LocalBoxFuture;
use serde::Serialize;

use super::bench_cluster::{BenchEnvironment, empty_disk_tier, start, write_objects};
use super::bench_report::BenchReport;
use super::freshness::BenchFreshness;
use super::key_distribution::KeyDistribution;
use super::object::{keys_of, value_of};
use super::read_workload::ReadsReport;
use super::reader::{ReadSettings, ReaderReport, TARGET, start_process};
use crate::cluster::{PodOptions, ProcessCluster};
use crate::report::{ProgressEvent, ReportTable, ShowProgress, mib, share};
use crate::{DEADLINE, LabError};

/// The objects that a restarted pod reads, and the sizes of its memory and disk.
#[derive(Debug, Clone, Copy)]
pub struct RestartSettings {
    /// The number of objects, each read before the pod ends and again after its restart.
    pub objects: u32,
    /// Bytes of one encoded object, up to 64 MiB.
    pub object_size: u64,
    /// The budget of warm values in memory.
    pub memory_budget: ByteSize,
    /// The size of the disk tier.
    pub disk_size: ByteSize,
    /// The number of concurrent reads.
    pub width: u16,
}

/// The end of the pod.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
enum Ending {
    Sigterm,
    Sigkill,
}

/// The figures of the measurement. Field names are stable.
#[derive(Debug, Serialize)]
pub struct RestartReport {
    objects: u32,
    object_bytes: u64,
    restarts: Vec<RestartRun>,
}

#[derive(Debug, Serialize)]
struct RestartRun {
    freshness: &'static str,
    ending: Ending,
    /// The start time of the slicelet after the restart, including its index.
    started_in_ms: f64,
    before: ReadsReport,
    after: ReadsReport,
}

/// Restarts a pod after SIGTERM and SIGKILL, and reports the objects found on disk.
pub fn run(
    environment: BenchEnvironment,
    settings: RestartSettings,
    show: ShowProgress<'_>,
) -> LocalBoxFuture<'_, Result<RestartReport, LabError>> {
    measure(environment, settings, show).boxed_local()
}

async fn measure(
    environment: BenchEnvironment,
    settings: RestartSettings,
    show: ShowProgress<'_>,
) -> Result<RestartReport, LabError> {
    let cluster = start(environment, PodOptions::default(), show).await?;
    cluster.create_target(TARGET, pb::TargetSettings::default()).await?;
    let size = settings.object_size;
    let keys = keys_of(size, settings.objects);
    write_objects(&cluster, TARGET, &keys, |key| value_of(key, size), show).await?;
    let mut restarts = Vec::new();
    for freshness in [BenchFreshness::Immutable, BenchFreshness::OwnerWrites] {
        for ending in [Ending::Sigterm, Ending::Sigkill] {
            let step = format!("restarting after {ending}, {}", freshness.as_str());
            show(ProgressEvent::Step(&step));
            restarts.push(restart(&cluster, settings, freshness, ending).await?);
        }
    }
    cluster.end().await;
    Ok(RestartReport {
        objects: settings.objects,
        object_bytes: settings.object_size,
        restarts,
    })
}

impl BenchReport for RestartReport {
    fn wrong(&self) -> u64 {
        let wrong = |restart: &RestartRun| restart.before.wrong + restart.after.wrong;
        self.restarts.iter().map(wrong).sum()
    }
}

async fn restart(
    cluster: &ProcessCluster,
    settings: RestartSettings,
    freshness: BenchFreshness,
    ending: Ending,
) -> Result<RestartRun, LabError> {
    let disk = empty_disk_tier(cluster, "reader")?;
    let reads = ReadSettings {
        objects: settings.objects,
        object_size: settings.object_size,
        memory_budget: settings.memory_budget,
        disk_size: settings.disk_size,
        freshness,
        width: settings.width,
        reads: 0,
        distribution: KeyDistribution::Uniform,
    };
    let mut first = start_process(cluster, &reads, &disk).await?;
    let before = ReaderReport::of(&mut first).await?;
    match ending {
        Ending::Sigterm => first.terminate(DEADLINE).await?,
        Ending::Sigkill => first.kill().await?,
    }
    let mut second = start_process(cluster, &reads, &disk).await?;
    let after = ReaderReport::of(&mut second).await?;
    second.end().await;
    Ok(RestartRun {
        freshness: freshness.as_str(),
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
        write!(
            f,
            "{}",
            ReportTable::of(headings, self.restarts.iter().map(RestartRun::line))
        )
    }
}

impl RestartRun {
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
