//! `emberkeep dev-pod`: one pod of the demo service.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use emberkeep_lab::demo::{DemoPod, DemoPodSettings};
use emberkeep_slicelet::ByteSize;

use crate::exit::CommandError;
use crate::log::LogFormat;
use crate::quantity::byte_count_from;
use crate::telemetry::TelemetryArgs;
use crate::{log, output, stop};

#[derive(Debug, Args)]
pub(crate) struct DemoPodArgs {
    /// The name under which the pod registers
    #[arg(long)]
    name: String,
    /// Where it listens for clerks
    #[arg(long)]
    listen: SocketAddr,
    /// Where clerks reach it, as host:port [default: where it listens]
    #[arg(long)]
    advertise: Option<String>,
    /// Where it serves metrics and health; without it, nowhere
    #[arg(long)]
    http: Option<SocketAddr>,
    /// The members of the assigner
    #[arg(long, required = true)]
    assigner: Vec<String>,
    /// Other pods, which provide the assignment while no assigner answers
    #[arg(long)]
    peer: Vec<String>,
    /// The URL of the object store
    #[arg(long)]
    store: String,
    /// The file to which it appends each read of the store
    #[arg(long)]
    reads: Option<PathBuf>,
    /// The memory budget [default: that of the SDK]
    #[arg(long, value_parser = byte_count_from)]
    budget: Option<u64>,
    /// How many requests to the store may run at a time [default: that of the SDK]
    #[arg(long)]
    load_concurrency: Option<usize>,
    /// Serve additions and entries, too; without it, objects never change
    #[arg(long)]
    writable: bool,
    /// Log one request in so many
    #[arg(long, default_value_t = 0)]
    log_requests: u64,
    #[command(flatten)]
    telemetry: TelemetryArgs,
    /// The level of its log
    #[arg(long, default_value = "info")]
    log: String,
}

/// Serves until SIGTERM, and then until other pods serve its slices.
pub(crate) async fn run(args: DemoPodArgs) -> Result<(), CommandError> {
    let mut telemetry = args.telemetry.start("emberkeep-demo-pod", args.name.clone());
    log::to_stderr_as(LogFormat::Text, &args.log, &telemetry);
    stop::with_parent();
    let listen = args.listen;
    let pod = DemoPod::start(args.into_settings()).await?;
    telemetry.export_metrics(pod.registry());
    output::announce(&format!("pod at http://{listen}"))?;
    let served = pod.serve().await;
    telemetry.shutdown().await;
    Ok(served?)
}

impl DemoPodArgs {
    fn into_settings(self) -> DemoPodSettings {
        DemoPodSettings {
            name: self.name,
            listen: self.listen,
            advertise: self.advertise.unwrap_or_else(|| self.listen.to_string()),
            http: self.http,
            assigners: self.assigner,
            peers: self.peer,
            store: self.store,
            reads: self.reads,
            memory_budget: self.budget.map(ByteSize::bytes),
            load_concurrency: self.load_concurrency,
            is_writable: self.writable,
            logs_one_in: self.log_requests,
        }
    }
}
