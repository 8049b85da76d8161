//! `emberkeep assigner`: one member of the control plane.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use emberkeep_assigner::raft::{MemberId, RaftSettings};
use emberkeep_assigner::{Assigner, AssignerConfig};

use crate::exit::CommandError;
use crate::log::LogFormat;
use crate::telemetry::TelemetryArgs;
use crate::{log, output, stop};

#[derive(Debug, Args)]
pub(crate) struct AssignerArgs {
    /// This member's id, which no other member ever has
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    id: MemberId,
    /// The listen address for pods, clients, operators and the other members
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:7400")]
    listen: SocketAddr,
    /// The URL at which the others reach this member [default: its listen address]
    #[arg(long, value_name = "URL")]
    advertise: Option<String>,
    /// The first members including this one, the same list for each: 1=http://host:7400,2=http://... [default: this
    /// member alone]
    #[arg(long, value_name = "ID=URL", value_delimiter = ',', value_parser = member_from)]
    members: Vec<(MemberId, String)>,
    /// Wait to be added to a running cluster by `emberkeep admin add-member`
    #[arg(long, conflicts_with = "members")]
    join: bool,
    /// The data folder of this member alone
    #[arg(long, value_name = "DIR", default_value = "emberkeep-data")]
    data: PathBuf,
    /// The listen address for the page, metrics and health
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:7401")]
    http: SocketAddr,
    /// Enable the buttons of the page, which drain pods, freeze the target and pin keys; anyone who reaches the page can
    /// use them
    #[arg(long)]
    page_commands: bool,
    /// Record the events and decisions of this member while it leads to this file, for `emberkeep sim
    /// replay-recording`; if it exists, to FILE.2 and so on
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// The form of the log on standard error; EMBERKEEP_LOG filters it, in the syntax of RUST_LOG
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    log_format: LogFormat,
    #[command(flatten)]
    telemetry: TelemetryArgs,
    /// End when standard input closes
    #[arg(long, hide = true)]
    with_parent: bool,
}

fn member_from(text: &str) -> Result<(MemberId, String), String> {
    let parsed = text
        .split_once('=')
        .and_then(|(id, url)| Some((id.parse().ok()?, url.to_owned())));
    parsed.ok_or_else(|| "write a number and a URL, as 2=http://host:7400".to_owned())
}

/// Runs until SIGTERM or Ctrl-C.
pub(crate) async fn run(args: AssignerArgs) -> Result<(), CommandError> {
    let mut telemetry = args
        .telemetry
        .start("emberkeep-assigner", format!("assigner-{}", args.id));
    log::to_stderr_as(args.log_format, "info", &telemetry);
    if args.with_parent {
        stop::with_parent();
    }
    let stop = stop::on_signal()?;
    let assigner = Assigner::start(args.config()).await?;
    telemetry.export_metrics(&assigner.registry());
    output::announce(&format!(
        "assigner at http://{}, page at http://{}/, metrics at http://{}/metrics",
        args.listen, args.http, args.http
    ))?;
    let failed = stop.run_until_cancelled(assigner.failed().cancelled()).await;
    assigner.shutdown().await;
    telemetry.shutdown().await;
    match failed {
        None => Ok(()),
        Some(()) => Err(CommandError::failed("the assigner failed, its log has the reason")),
    }
}

impl AssignerArgs {
    fn config(&self) -> AssignerConfig {
        let address = self
            .advertise
            .clone()
            .unwrap_or_else(|| format!("http://{}", self.listen));
        let mut raft = RaftSettings::alone(&self.data, address.clone());
        raft.id = self.id;
        raft.members = match self.members.as_slice() {
            [] if self.join => BTreeMap::new(),
            [] => BTreeMap::from([(self.id, address)]),
            listed => listed.iter().cloned().collect(),
        };
        let mut config = AssignerConfig::new(self.listen, raft);
        config.http = Some(self.http);
        config.page_commands = self.page_commands;
        config.record.clone_from(&self.record);
        config
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct AssignerCommandLine {
        #[command(flatten)]
        args: AssignerArgs,
    }

    fn config(line: &str) -> AssignerConfig {
        AssignerCommandLine::try_parse_from(format!("assigner {line}").split_whitespace())
            .unwrap()
            .args
            .config()
    }

    #[test]
    fn a_single_member_needs_no_configuration() {
        let raft = config("").raft;
        assert_eq!(raft.id, 1);
        assert_eq!(raft.members, BTreeMap::from([(1, "http://127.0.0.1:7400".to_owned())]));
    }

    #[test]
    fn members_are_listed_with_their_addresses() {
        let raft = config("--id 2 --advertise http://b:1 --members 1=http://a:1,2=http://b:1").raft;
        assert_eq!(raft.address, "http://b:1");
        assert_eq!(raft.members.len(), 2);
        assert!(config("--id 3 --join").raft.members.is_empty());
        assert!(member_from("http://a:1").unwrap_err().contains("2=http://host:7400"));
    }
}
