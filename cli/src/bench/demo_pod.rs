//! `emberkeep bench-pod`: one pod of the demo service, with a budget and a bound that can be chosen.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use emberkeep_runtime::serve::bind;
use emberkeep_slicelet::{Builder, Freshness, Slicelet, Store};

use super::args::Budget;
use super::local_pod::failure_of;
use crate::dev::{DEMO_TARGET, LedgeredStore, failure_of_store, serve_demo};
use crate::exit::Failure;
use crate::{log, stop};

#[derive(Debug, Args)]
pub(crate) struct DemoPodArgs {
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
    load_concurrency: Option<usize>,
    /// Its memory budget
    #[arg(long)]
    budget: Option<Budget>,
    /// Where it writes down what it reads from the store
    #[arg(long)]
    reads: Option<PathBuf>,
}

/// Serves until it is told to stop.
pub(crate) async fn run(args: DemoPodArgs) -> Result<(), Failure> {
    log::to_stderr("warn");
    stop::with_parent();
    let listener = bind(args.listen).await.map_err(Failure::bad_input)?;
    let slicelet = slicelet(&args).await?;
    serve_demo(args.name, slicelet, listener, args.listen).await
}

async fn slicelet(args: &DemoPodArgs) -> Result<Slicelet, Failure> {
    let builder = Slicelet::builder(DEMO_TARGET)
        .pod_name(&args.name)
        .assigner(&args.assigner)
        .advertise(args.listen.to_string())
        .store(store_of(args).await?)
        .freshness(Freshness::Immutable);
    let builder = args
        .load_concurrency
        .into_iter()
        .fold(builder, Builder::load_concurrency);
    let budget = args.budget.map(Budget::as_size);
    let builder = budget.into_iter().fold(builder, Builder::memory_budget);
    builder.start().await.map_err(failure_of)
}

async fn store_of(args: &DemoPodArgs) -> Result<Store, Failure> {
    let store = Store::from_url(&args.store).await.map_err(failure_of_store)?;
    match &args.reads {
        Some(reads) => LedgeredStore::open(store, reads).map(Store::new),
        None => Ok(store),
    }
}
