//! `emberkeep bench-caller`: a pod and its client, in a process of their own, which call on command.

use std::io::{BufRead, stdin};
use std::net::Ipv4Addr;
use std::time::Duration;

use clap::Args;
use emberkeep_lab::bench::Caller;
use emberkeep_lab::demo::DemoPodSettings;
use emberkeep_runtime::free_port::free_port;
use tokio::sync::mpsc;

use crate::exit::CommandError;
use crate::log::LogFormat;
use crate::telemetry::TelemetryArgs;
use crate::{log, output};

#[derive(Debug, Args)]
pub(crate) struct CallerArgs {
    /// The name under which the pod registers
    #[arg(long)]
    name: String,
    /// The members of the assigner
    #[arg(long, required = true)]
    assigner: Vec<String>,
    /// The URL of the object store
    #[arg(long)]
    store: String,
    #[command(flatten)]
    telemetry: TelemetryArgs,
}

/// Reads the milliseconds of a burst from each line of standard input, and prints its calls as a line of JSON, until
/// standard input closes.
pub(crate) async fn run(args: CallerArgs) -> Result<(), CommandError> {
    let mut telemetry = args.telemetry.start("emberkeep-bench", args.name.clone());
    log::to_stderr_as(LogFormat::Text, "info", &telemetry);
    output::announce("caller")?;
    let mut bursts = bursts();
    let caller = Caller::start(args.into_settings()?).await?;
    telemetry.export_metrics(caller.registry());
    output::print("warm\n")?;
    while let Some(time) = bursts.recv().await {
        let burst = caller.call_for(time).await?;
        let line = serde_json::to_string(&burst).expect("numbers serialize to JSON");
        output::print(format_args!("{line}\n"))?;
    }
    telemetry.shutdown().await;
    Ok(())
}

/// The bursts that the parent process requests.
fn bursts() -> mpsc::Receiver<Duration> {
    let (sender, receiver) = mpsc::channel(1);
    std::thread::spawn(move || {
        for line in stdin().lock().lines().map_while(Result::ok) {
            let Ok(millis) = line.trim().parse() else { return };
            if sender.blocking_send(Duration::from_millis(millis)).is_err() {
                return;
            }
        }
    });
    receiver
}

impl CallerArgs {
    fn into_settings(self) -> Result<DemoPodSettings, CommandError> {
        let listen = (Ipv4Addr::LOCALHOST, free_port()?).into();
        Ok(DemoPodSettings {
            name: self.name,
            listen,
            advertise: listen.to_string(),
            http: None,
            assigners: self.assigner,
            peers: Vec::new(),
            store: self.store,
            reads: None,
            memory_budget: None,
            load_concurrency: None,
            is_writable: false,
            logs_one_in: 0,
        })
    }
}
