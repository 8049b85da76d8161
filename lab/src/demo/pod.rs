//! One pod of the demo service.

use std::net::SocketAddr;
use std::path::PathBuf;

use emberkeep_runtime::serve::{bind, incoming, server_builder};
use emberkeep_slicelet::{Builder, ByteSize, Freshness, Slicelet, Store};
use futures::FutureExt;
use futures::future::BoxFuture;
use prometheus::Registry;
use tokio::net::TcpListener;

use super::pb::demo_server::DemoServer;
use super::read_ledger::LedgeredStore;
use super::service::DemoService;
use super::value::TARGET;
use crate::LabError;

/// The settings of one pod of the demo service.
#[derive(Debug, Clone)]
pub struct DemoPodSettings {
    /// The name under which the pod registers.
    pub name: String,
    /// The listen address for clerks.
    pub listen: SocketAddr,
    /// The address at which clerks reach it, as `host:port`.
    pub advertise: String,
    /// The listen address for metrics and health; `None` to serve none.
    pub http: Option<SocketAddr>,
    /// URLs of the members of the assigner.
    pub assigners: Vec<String>,
    /// URLs of other pods, which provide the assignment while no assigner answers.
    pub peers: Vec<String>,
    /// The URL of the object store.
    pub store: String,
    /// The ledger to which it appends each read of the store; `None` for no ledger.
    pub reads: Option<PathBuf>,
    /// The memory budget; `None` for the SDK's default.
    pub memory_budget: Option<ByteSize>,
    /// The maximum number of concurrent store requests; `None` for the SDK's default.
    pub load_concurrency: Option<usize>,
    /// Whether it serves `Add` and `Append`; if not, objects never change.
    pub is_writable: bool,
    /// It logs one request in so many; 0 for none.
    pub logs_one_in: u64,
}

/// A pod with a bound listen address.
pub struct DemoPod {
    service: DemoService,
    listener: TcpListener,
}

impl DemoPod {
    /// Binds the listen address and starts the slicelet.
    pub fn start(settings: DemoPodSettings) -> BoxFuture<'static, Result<Self, LabError>> {
        async move {
            let listener = bind(settings.listen).await.map_err(LabError::bad_input)?;
            Ok(Self {
                service: DemoService {
                    slicelet: slicelet(&settings).await?,
                    pod_name: settings.name,
                },
                listener,
            })
        }
        .boxed()
    }

    /// The registry of the pod's metrics.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        self.service.slicelet.registry()
    }

    /// Serves until SIGTERM or a drain by an operator, and then until the pod has drained.
    pub fn serve(self) -> BoxFuture<'static, Result<(), LabError>> {
        async move {
            let slicelet = self.service.slicelet.clone();
            server_builder()
                .layer(slicelet.request_layer())
                .layer(slicelet.forward_layer())
                .add_routes(slicelet.routes())
                .add_service(DemoServer::new(self.service))
                .serve_with_incoming_shutdown(incoming(self.listener), slicelet.drained())
                .await
                .map_err(LabError::failed)?;
            slicelet.shutdown().await;
            Ok(())
        }
        .boxed()
    }
}

async fn slicelet(settings: &DemoPodSettings) -> Result<Slicelet, LabError> {
    let builder = Slicelet::builder(TARGET)
        .pod_name(&settings.name)
        .advertise(&settings.advertise)
        .log_requests(settings.logs_one_in)
        .store(store(settings).await?);
    let builder = settings
        .http
        .iter()
        .fold(builder, |builder, http| builder.http_listen(http.to_string()));
    let builder = match settings.is_writable {
        true => builder.writable().freshness(Freshness::OwnerWrites),
        false => builder.freshness(Freshness::Immutable),
    };
    let builder = settings.memory_budget.into_iter().fold(builder, Builder::memory_budget);
    let builder = settings
        .load_concurrency
        .into_iter()
        .fold(builder, Builder::load_concurrency);
    let builder = settings.assigners.iter().fold(builder, Builder::assigner);
    let builder = settings.peers.iter().fold(builder, Builder::peer);
    Ok(builder.start().await?)
}

async fn store(settings: &DemoPodSettings) -> Result<Store, LabError> {
    let store = Store::from_url(&settings.store).await?;
    match &settings.reads {
        Some(reads) => LedgeredStore::open(store, reads).map(Store::new),
        None => Ok(store),
    }
}
