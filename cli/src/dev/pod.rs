//! `emberkeep dev-pod`: one pod of the demo service, on the public SDK alone.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::pin;
use std::task::Poll;

use bytes::Bytes;
use clap::Args;
use emberkeep_proto::demo::demo_server::{Demo, DemoServer};
use emberkeep_proto::demo::{AddRequest, AddResponse, AppendRequest, AppendResponse, ViewRequest, ViewResponse};
use emberkeep_runtime::serve::{bind, incoming, server_builder};
use emberkeep_slicelet::{Builder, ByteSize, Freshness, Slicelet, SliceletError, Store};
use futures::poll;
use tokio::net::TcpListener;
use tonic::{Request, Response, Status};

use super::demo::TARGET;
use super::read_ledger::LedgeredStore;
use super::storage::failure_of;
use super::written::{Counter, Entries, Unwritable, bytes_of};
use crate::exit::Failure;
use crate::{log, ready, stop};

/// Many pods share a machine.
const MEMORY_BUDGET: ByteSize = ByteSize::mib(256);
/// Thousandths of a unit of load.
const MILLI: u64 = 1_000;

#[derive(Debug, Args)]
pub(crate) struct PodArgs {
    /// The pod's name
    #[arg(long)]
    name: String,
    /// Where it listens for clerks
    #[arg(long)]
    listen: SocketAddr,
    /// Where clerks reach it [default: where it listens]
    #[arg(long)]
    advertise: Option<SocketAddr>,
    /// Where it shows metrics and health
    #[arg(long)]
    http: SocketAddr,
    /// The members of the assigner
    #[arg(long, required = true)]
    assigner: Vec<String>,
    /// Other pods, which say who owns what where no assigner answers
    #[arg(long)]
    peer: Vec<String>,
    /// Where the objects are
    #[arg(long)]
    store: String,
    /// Where it writes down what it reads from there
    #[arg(long)]
    reads: PathBuf,
    /// Take additions and entries, too; without it, objects never change
    #[arg(long)]
    writable: bool,
}

/// Serves until it is told to stop, and then until others serve what it owned.
pub(crate) async fn run(args: PodArgs) -> Result<(), Failure> {
    log::to_stderr("info");
    stop::with_parent();
    let listener = bind(args.listen).await.map_err(Failure::bad_input)?;
    let slicelet = slicelet(&args).await?;
    serve(args.name, slicelet, listener, args.listen).await
}

/// Serves the demo with that slicelet until it has drained.
pub(crate) async fn serve(
    name: String,
    slicelet: Slicelet,
    listener: TcpListener,
    address: SocketAddr,
) -> Result<(), Failure> {
    let pod = DemoPod {
        name,
        slicelet: slicelet.clone(),
    };
    let served = server_builder()
        .layer(slicelet.forward_layer())
        .add_routes(slicelet.routes())
        .add_service(DemoServer::new(pod))
        .serve_with_incoming_shutdown(incoming(listener), slicelet.drained());
    ready::announce(&format!("pod at http://{address}"))?;
    served.await.map_err(Failure::failed)?;
    slicelet.shutdown().await;
    Ok(())
}

async fn slicelet(args: &PodArgs) -> Result<Slicelet, Failure> {
    let store = Store::from_url(&args.store).await.map_err(failure_of)?;
    let store = LedgeredStore::open(store, &args.reads)?;
    let builder = Slicelet::builder(TARGET)
        .pod_name(&args.name)
        .advertise(args.advertise.unwrap_or(args.listen).to_string())
        .http_listen(args.http.to_string())
        .store(Store::new(store))
        .memory_budget(MEMORY_BUDGET);
    let builder = match args.writable {
        true => builder.writable().freshness(Freshness::OwnerWrites),
        false => builder.freshness(Freshness::Immutable),
    };
    let builder = args.assigner.iter().fold(builder, Builder::assigner);
    let builder = args.peer.iter().fold(builder, Builder::peer);
    builder.start().await.map_err(|error| match error {
        SliceletError::Signal(_) => Failure::failed(error),
        _ => Failure::bad_input(error),
    })
}

/// The demo service.
struct DemoPod {
    name: String,
    slicelet: Slicelet,
}

#[tonic::async_trait]
impl Demo for DemoPod {
    async fn view(&self, request: Request<ViewRequest>) -> Result<Response<ViewResponse>, Status> {
        let ViewRequest { key, load_milli } = request.into_inner();
        let mut guard = self.slicelet.own(&key)?;
        guard.charge(load_milli.div_ceil(MILLI));
        // A warm value is there at once; any other one has to be waited for.
        let mut value = pin!(guard.get());
        let (value, was_warm) = match poll!(value.as_mut()) {
            Poll::Ready(value) => (value?, true),
            Poll::Pending => (value.await?, false),
        };
        Ok(Response::new(ViewResponse {
            value: value.to_vec(),
            pod: self.name.clone(),
            was_warm,
        }))
    }

    async fn add(&self, request: Request<AddRequest>) -> Result<Response<AddResponse>, Status> {
        let AddRequest {
            key,
            amount,
            request_id,
        } = request.get_ref();
        let guard = self.slicelet.own(key)?.until_deadline_of(request.metadata());
        let change = |present: Option<&Bytes>| {
            let counter = Counter::added(present, *amount)?;
            Ok::<_, Unwritable>((bytes_of(&counter), counter))
        };
        let counter = guard.once(request_id, change).await?;
        Ok(Response::new(counter.into()))
    }

    async fn append(&self, request: Request<AppendRequest>) -> Result<Response<AppendResponse>, Status> {
        let AppendRequest { key, entry } = request.get_ref();
        let guard = self.slicelet.own(key)?.until_deadline_of(request.metadata());
        let mut written = Entries::default();
        let change = |present: Option<&Bytes>| {
            written = Entries::appended(present, entry)?;
            Ok::<_, Unwritable>(bytes_of(&written))
        };
        guard.update(change).await?;
        Ok(Response::new(written.into()))
    }
}
