//! `emberkeep dev-client`: the clients of `dev` for a cluster that runs already.

use std::net::SocketAddr;
use std::sync::Arc;

use clap::Args;
use emberkeep_lab::dev::RunningClusterLoad;
use emberkeep_lab::load::{Pace, Schedule};
use emberkeep_sim::workload::RequestTrace;

use super::args::rate_from;
use crate::exit::CommandError;
use crate::{log, output, stop};

#[derive(Debug, Args)]
pub(crate) struct ClientArgs {
    /// The members of the assigner
    #[arg(long, required = true)]
    assigner: Vec<String>,
    /// Where the pods load objects from, as a URL; missing objects are written first
    #[arg(long)]
    store: String,
    /// How many requests are sent each second, evenly spaced
    #[arg(long, value_name = "REQUESTS_PER_SECOND", default_value_t = 100.0, value_parser = rate_from)]
    rate: f64,
    /// Where it serves metrics and health; without it, nowhere
    #[arg(long)]
    http: Option<SocketAddr>,
}

/// Sends requests until SIGTERM.
pub(crate) async fn run(args: ClientArgs) -> Result<(), CommandError> {
    log::to_stderr("info");
    let stop = stop::on_signal()?;
    let schedule = Schedule::new(RequestTrace::web12_excerpt(), Pace::Steady(args.rate), true);
    let ClientArgs {
        assigner, store, http, ..
    } = args;
    let load = RunningClusterLoad {
        assigners: assigner,
        store,
        http,
    };
    output::announce("sending requests")?;
    let sending = load.run(Arc::new(schedule), stop.clone());
    Ok(stop.run_until_cancelled(sending).await.transpose().map(drop)?)
}
