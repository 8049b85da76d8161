//! One pod of the orders service: `orders-server 127.0.0.1:8081 folder:///tmp/orders`.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Parser;
use emberkeep_example_orders::order::Order;
use emberkeep_example_orders::pb::orders_server::{Orders, OrdersServer};
use emberkeep_example_orders::pb::{self, PlaceRequest, ViewRequest};
use emberkeep_example_orders::steps::{
    OpenKeys, Retries, Runner, StepScheduler, StepSchedulerHandle, StepSchedulerSettings,
};
use emberkeep_example_orders::{TARGET, fulfilment};
use emberkeep_slicelet::{GetError, Json, Slicelet, Store};
use tokio::sync::oneshot;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Response, Status};
use tracing_subscriber::EnvFilter;

/// One pod of the orders service.
#[derive(Debug, Parser)]
struct Args {
    /// The listen address, such as 127.0.0.1:8081
    listen: SocketAddr,
    /// The URL of the object store, such as folder:///tmp/orders
    store: String,
    /// The URL of the outside services
    #[arg(long, default_value = "http://127.0.0.1:8090")]
    partners: String,
    /// The URL of an assigner member
    #[arg(long, default_value = "http://127.0.0.1:7400")]
    assigner: String,
    /// The delays between retries of a step, in milliseconds
    #[arg(long, value_delimiter = ',', default_value = "1000,5000,25000")]
    retry_ms: Vec<u64>,
    /// The interval of searches for unfinished orders of earlier owners, in milliseconds
    #[arg(long, default_value_t = 30_000, value_parser = clap::value_parser!(u64).range(1..))]
    search_ms: u64,
    /// The most orders processed concurrently
    #[arg(long, default_value_t = 64)]
    at_once: usize,
}

/// The deadline of a call to an outside service.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);
const ORDER_ID_LENGTH_MAX: usize = 128;

struct OrdersService {
    orders: Slicelet<Json<Order>>,
    open: OpenKeys,
    scheduler: StepSchedulerHandle,
}

#[tonic::async_trait]
impl Orders for OrdersService {
    async fn place(&self, request: Request<PlaceRequest>) -> Result<Response<pb::Order>, Status> {
        let (metadata, _, asked) = request.into_parts();
        check_id(&asked.order_id)?;
        let guard = self.orders.own(&asked.order_id)?.until_deadline_of(&metadata);
        match guard.get().await {
            Ok(order) => return answer(&order, &asked),
            Err(GetError::NotFound) => {}
            Err(error) => return Err(error.into()),
        }
        let name = guard
            .object_name()
            .map_err(|error| Status::internal(error.to_string()))?;
        let marked = self.open.mark(&name).await;
        let marker = marked.map_err(|error| Status::unavailable(error.to_string()))?;
        let keep_or_create = |present: Option<&Order>| {
            let order = present.cloned().unwrap_or_else(|| Order::new(asked.clone()));
            Ok::<_, Status>(order)
        };
        let order = guard.update(keep_or_create).await?;
        self.scheduler.submit(marker);
        answer(&order, &asked)
    }

    async fn view(&self, request: Request<ViewRequest>) -> Result<Response<pb::Order>, Status> {
        let (metadata, _, ViewRequest { order_id }) = request.into_parts();
        let guard = self.orders.own(&order_id)?.until_deadline_of(&metadata);
        let order = guard.get().await?;
        Ok(Response::new(order.as_ref().into()))
    }
}

fn check_id(order_id: &str) -> Result<(), Status> {
    match order_id.len() {
        1..=ORDER_ID_LENGTH_MAX => Ok(()),
        length => Err(Status::invalid_argument(format!(
            "the order id has {length} bytes, allowed are 1 to {ORDER_ID_LENGTH_MAX}"
        ))),
    }
}

fn answer(order: &Order, asked: &PlaceRequest) -> Result<Response<pb::Order>, Status> {
    match order.asked == *asked {
        true => Ok(Response::new(order.into())),
        false => Err(Status::already_exists("another order has this id")),
    }
}

fn scheduler(
    args: &Args,
    orders: &Slicelet<Json<Order>>,
    open: &OpenKeys,
) -> anyhow::Result<(StepScheduler<Json<Order>>, StepSchedulerHandle)> {
    let partners: Channel = Endpoint::from_shared(args.partners.clone())?
        .connect_timeout(CALL_TIMEOUT)
        .tcp_nodelay(true)
        .connect_lazy();
    let retries = Retries {
        delays: args.retry_ms.iter().copied().map(Duration::from_millis).collect(),
    };
    let settings = StepSchedulerSettings {
        at_once_max: args.at_once,
        search_interval: Duration::from_millis(args.search_ms),
    };
    let runner = Runner::new(orders.clone(), fulfilment::workflow(&partners, retries), CALL_TIMEOUT);
    Ok(StepScheduler::new(orders.clone(), runner, open.clone(), settings))
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    let args = Args::parse();
    let incoming = TcpIncoming::bind(args.listen)?.with_nodelay(Some(true));
    let store = Store::from_url(&args.store).await?;
    let orders = Slicelet::builder(TARGET)
        .assigner(&args.assigner)
        .advertise(args.listen.to_string())
        .store(store.clone())
        .values(Json::<Order>::default())
        .writable()
        .start()
        .await?;
    let open = OpenKeys::new(store, "orders-open");
    let (scheduler, handle) = scheduler(&args, &orders, &open)?;
    let (stop, stopped) = oneshot::channel::<()>();
    let working = tokio::spawn(scheduler.run(async move { drop(stopped.await) }));
    let service = OrdersService {
        orders: orders.clone(),
        open,
        scheduler: handle,
    };
    let server = Server::builder()
        .add_routes(orders.routes())
        .add_service(OrdersServer::new(service))
        .serve_with_incoming_shutdown(incoming, orders.drained());
    let mut working = std::pin::pin!(working);
    tokio::select! {
        served = server => served?,
        // The scheduler ends early only if a step panics. The pod exits then, because it could accept orders but not process them.
        ended = &mut working => return Ok(ended?),
    }
    drop(stop);
    working.await?;
    orders.shutdown().await;
    Ok(())
}
