//! `emberkeep bench-reader`: a pod that reads its own keys, in a process of its own so that its memory can be measured.

use std::path::PathBuf;

use clap::Args;
use emberkeep_lab::bench::{ReadSettings, Reader, ReaderSettings};
use emberkeep_slicelet::ByteSize;

use super::args::{DistributionArg, FreshnessArg, ObjectsArgs, byte_size_from};
use crate::exit::CommandError;
use crate::{log, output, stop};

#[derive(Debug, Args)]
pub(crate) struct ReaderArgs {
    /// The name under which the pod registers
    #[arg(long)]
    name: String,
    /// The URL of the assigner
    #[arg(long)]
    assigner: String,
    /// The URL of the object store
    #[arg(long)]
    store: String,
    #[command(flatten)]
    objects: ObjectsArgs,
    /// The budget of warm values in memory
    #[arg(long, value_parser = byte_size_from)]
    budget: ByteSize,
    /// The folder of its disk tier
    #[arg(long)]
    disk: PathBuf,
    /// The size of the disk tier
    #[arg(long, value_parser = byte_size_from)]
    disk_size: ByteSize,
    /// How long a value is used without asking the store
    #[arg(long, value_enum)]
    freshness: FreshnessArg,
    /// How many are read concurrently
    #[arg(long)]
    width: u16,
    /// How many are read by distribution after each was read once
    #[arg(long)]
    reads: u32,
    /// The distribution of these reads over the objects
    #[arg(long, value_enum)]
    choice: DistributionArg,
}

/// Reads, prints the figures as one line of JSON, and waits for SIGTERM.
pub(crate) async fn run(args: ReaderArgs) -> Result<(), CommandError> {
    log::to_stderr("info");
    stop::with_parent();
    let stop = stop::on_signal()?;
    let reader = Reader::start(args.into_settings()).await?;
    output::announce("reader")?;
    let report = stop.run_until_cancelled(reader.read()).await.transpose()?;
    if let Some(report) = report {
        let line = serde_json::to_string(&report).expect("numbers serialize to JSON");
        output::print(format_args!("{line}\n"))?;
        stop.cancelled().await;
    }
    reader.end().await;
    Ok(())
}

impl ReaderArgs {
    fn into_settings(self) -> ReaderSettings {
        ReaderSettings {
            name: self.name,
            assigner: self.assigner,
            store: self.store,
            reads: ReadSettings {
                objects: self.objects.objects,
                object_size: self.objects.size,
                memory_budget: self.budget,
                disk_size: self.disk_size,
                freshness: self.freshness.into(),
                width: self.width,
                reads: self.reads,
                distribution: self.choice.into(),
            },
            disk: self.disk,
        }
    }
}
