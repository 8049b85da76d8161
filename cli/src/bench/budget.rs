//! `emberkeep bench budget`: whether memory stays within its budget, and which tier answers.

use std::fmt;

use clap::Args;
use emberkeep_proto::pb;
use serde::Serialize;

use super::Report;
use super::args::{Budget, FreshnessChoice, ObjectsArgs, PlaceArgs};
use super::choice::Choice;
use super::reader::{ReaderReport, TARGET};
use super::reads::ReadsReport;
use super::site::{Site, step};
use super::table::{Table, mib, share};
use super::value::{keys_of, value_of};
use crate::dev::Child;
use crate::exit::Failure;

/// Read more state than fits into memory: how much memory is taken, and which tier answers.
///
/// A pod with a memory budget and a disk tier reads each object once, and then many by choice. Its memory is what the
/// system counts as resident, sampled ten times a second.
#[derive(Debug, Args)]
pub(super) struct BudgetArgs {
    #[command(flatten)]
    objects: ObjectsArgs,
    /// The memory budget
    #[arg(long, value_name = "SIZE", default_value = "1GiB")]
    budget: Budget,
    /// The size of the disk tier, at least 256MiB
    #[arg(long, value_name = "SIZE", default_value = "4GiB")]
    disk: Budget,
    /// How many objects are read after each was read once
    #[arg(long, value_name = "COUNT", default_value_t = 200_000)]
    reads: u32,
    /// Which objects those are
    #[arg(long, value_enum, default_value = "zipf")]
    choice: Choice,
    /// How long a value counts
    #[arg(long, value_enum, default_value = "immutable")]
    freshness: FreshnessChoice,
    /// How many are read at a time
    #[arg(long, value_name = "COUNT", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=1024))]
    width: u16,
    #[command(flatten)]
    pub(super) place: PlaceArgs,
}

/// What came of it. The names of its fields are a promise.
#[derive(Debug, Serialize)]
pub(super) struct BudgetReport {
    objects: u32,
    object_bytes: u64,
    budget_bytes: u64,
    disk_bytes: u64,
    choice: &'static str,
    freshness: &'static str,
    /// The highest sample of all, over the budget.
    rss_peak_over_budget: f64,
    /// The median of the samples of the reads by choice, over the budget.
    rss_steady_over_budget: f64,
    #[serde(flatten)]
    reader: ReaderReport,
}

pub(super) async fn run(args: BudgetArgs) -> Result<BudgetReport, Failure> {
    let site = Site::open(&args.place).await?;
    let ObjectsArgs { objects, size } = args.objects;
    site.create_target(TARGET, pb::TargetSettings::default()).await?;
    site.write(TARGET, &keys_of(size, objects), |key| value_of(key, size))
        .await?;
    step("reading");
    let disk = site.disk_of("reader")?;
    let words = [
        format!("--objects={objects}"),
        format!("--size={size}"),
        format!("--budget={}", args.budget.0),
        format!("--disk={}", disk.display()),
        format!("--disk-size={}", args.disk.0),
        format!("--freshness={}", args.freshness.word()),
        format!("--width={}", args.width),
        format!("--reads={}", args.reads),
        format!("--choice={}", args.choice.word()),
    ];
    let mut child = Child::start(site.spec("reader", "bench-reader", words)).await?;
    let reader = ReaderReport::of(&mut child).await?;
    child.end().await;
    site.end().await;
    Ok(BudgetReport::new(&args, reader))
}

impl Report for BudgetReport {
    fn wrong(&self) -> u64 {
        self.reader.once.wrong + self.reader.chosen.wrong
    }
}

impl BudgetReport {
    fn new(args: &BudgetArgs, reader: ReaderReport) -> Self {
        let over_budget = |bytes: u64| bytes as f64 / args.budget.0 as f64;
        let peak = reader.once.rss_peak_bytes.max(reader.chosen.rss_peak_bytes);
        Self {
            objects: args.objects.objects,
            object_bytes: args.objects.size,
            budget_bytes: args.budget.0,
            disk_bytes: args.disk.0,
            choice: args.choice.word(),
            freshness: args.freshness.word(),
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
        write!(f, "{}", Table::of(headings, lines))?;
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
