//! `emberkeep bench budget`: whether memory stays within its budget, and which tier answers.

use std::fmt;

use emberkeep_proto::pb;
use futures::FutureExt;
use futures::future::LocalBoxFuture;
use serde::Serialize;

use super::bench_cluster::{BenchEnvironment, empty_disk_tier, start, write_objects};
use super::bench_report::BenchReport;
use super::object::{keys_of, value_of};
use super::read_workload::ReadsReport;
use super::reader::{ReadSettings, ReaderReport, TARGET, start_process};
use crate::LabError;
use crate::cluster::PodOptions;
use crate::report::{ProgressEvent, ReportTable, ShowProgress, mib, share};

/// The figures of the measurement. Field names are stable.
#[derive(Debug, Serialize)]
pub struct BudgetReport {
    objects: u32,
    object_bytes: u64,
    budget_bytes: u64,
    disk_bytes: u64,
    choice: &'static str,
    freshness: &'static str,
    /// The highest sample of resident memory, over the budget.
    rss_peak_over_budget: f64,
    /// The median of the samples during the reads by distribution, over the budget.
    rss_steady_over_budget: f64,
    #[serde(flatten)]
    reader: ReaderReport,
}

/// Reads more state than fits into memory, and reports the memory used and the share of each tier.
pub fn run(
    environment: BenchEnvironment,
    settings: ReadSettings,
    show: ShowProgress<'_>,
) -> LocalBoxFuture<'_, Result<BudgetReport, LabError>> {
    measure(environment, settings, show).boxed_local()
}

async fn measure(
    environment: BenchEnvironment,
    settings: ReadSettings,
    show: ShowProgress<'_>,
) -> Result<BudgetReport, LabError> {
    let cluster = start(environment, PodOptions::default(), show).await?;
    cluster.create_target(TARGET, pb::TargetSettings::default()).await?;
    let size = settings.object_size;
    let keys = keys_of(size, settings.objects);
    write_objects(&cluster, TARGET, &keys, |key| value_of(key, size), show).await?;
    show(ProgressEvent::Step("reading"));
    let disk = empty_disk_tier(&cluster, "reader")?;
    let mut process = start_process(&cluster, &settings, &disk).await?;
    let reader = ReaderReport::of(&mut process).await?;
    process.end().await;
    cluster.end().await;
    Ok(BudgetReport::new(&settings, reader))
}

impl BenchReport for BudgetReport {
    fn wrong(&self) -> u64 {
        self.reader.once.wrong + self.reader.chosen.wrong
    }
}

impl BudgetReport {
    fn new(settings: &ReadSettings, reader: ReaderReport) -> Self {
        let budget_bytes = settings.memory_budget.as_bytes();
        let over_budget = |bytes: u64| bytes as f64 / budget_bytes as f64;
        let peak = reader.once.rss_peak_bytes.max(reader.chosen.rss_peak_bytes);
        Self {
            objects: settings.objects,
            object_bytes: settings.object_size,
            budget_bytes,
            disk_bytes: settings.disk_size.as_bytes(),
            choice: settings.distribution.as_str(),
            freshness: settings.freshness.as_str(),
            rss_peak_over_budget: over_budget(peak),
            rss_steady_over_budget: over_budget(reader.chosen.rss_median_bytes),
            reader,
        }
    }
}

impl fmt::Display for BudgetReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} objects of {} bytes, {} in all; {}",
            self.objects,
            self.object_bytes,
            mib(u64::from(self.objects) * self.object_bytes),
            self.freshness
        )?;
        let ReaderReport { once, chosen, .. } = &self.reader;
        let chosen_name = format!("by choice, {}", self.choice);
        let lines = [("each once", once), (&chosen_name, chosen)].map(|(name, reads)| line_of(name, reads));
        let headings = [
            "reads",
            "count",
            "memory",
            "disk",
            "store",
            "joined",
            "failed",
            "reads/s",
            "RSS peak",
            "RSS median",
            "warm values",
        ];
        write!(f, "{}", ReportTable::of(headings, lines))?;
        writeln!(
            f,
            "memory: budget {}, {} before the first read, RSS at most {:.3} of the budget, {:.3} in steady state",
            mib(self.budget_bytes),
            mib(self.reader.rss_before_bytes),
            self.rss_peak_over_budget,
            self.rss_steady_over_budget
        )
    }
}

fn line_of(name: &str, reads: &ReadsReport) -> [String; 11] {
    [
        name.to_owned(),
        reads.reads.to_string(),
        share(reads.from_memory, reads.reads),
        share(reads.from_disk, reads.reads),
        share(reads.store_requests, reads.reads),
        share(reads.joined(), reads.reads),
        reads.failed.to_string(),
        format!("{:.0}", reads.reads as f64 / reads.seconds.max(1e-9)),
        mib(reads.rss_peak_bytes),
        mib(reads.rss_median_bytes),
        mib(reads.warm_bytes),
    ]
}
