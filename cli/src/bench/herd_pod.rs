//! `emberkeep bench-pod`: one pod of the demo service, with a bound on its store requests that can be chosen.

use std::net::SocketAddr;

use clap::Args;
use emberkeep_runtime::serve::bind;
use emberkeep_slicelet::{Freshness, Slicelet, Store};

use super::local_pod::failure_of;
use crate::dev::{DEMO_TARGET, failure_of_store, serve_demo};
use crate::exit::Failure;
use crate::{log, stop};

#[derive(Debug, Args)]
pub(crate) struct HerdPodArgs {
    /// The pod's name
    #[arg(long)]
    name: String,
    /// Where it listens for clerks
    #[arg(long)]
    listen: SocketAddr,
    /// The assigner
    #[arg(long)]
    assigner: String,
    /// Where the objects are
    #[arg(long)]
    store: String,
    /// How many requests of the store may run at a time
    #[arg(long)]
    load_concurrency: usize,
}

/// Serves until it is told to stop.
pub(crate) async fn run(args: HerdPodArgs) -> Result<(), Failure> {
    log::to_stderr("warn");
    stop::with_parent();
    let listener = bind(args.listen).await.map_err(Failure::bad_input)?;
    let store = Store::from_url(&args.store).await.map_err(failure_of_store)?;
    let slicelet = Slicelet::builder(DEMO_TARGET)
        .pod_name(&args.name)
        .assigner(&args.assigner)
        .advertise(args.listen.to_string())
        .store(store)
        .freshness(Freshness::Immutable)
        .load_concurrency(args.load_concurrency)
        .start()
        .await
        .map_err(failure_of)?;
    serve_demo(args.name, slicelet, listener, args.listen).await
}
