//! The outside world of the orders service: warehouse, payment and carrier in one process, with as much trouble as is asked for.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clap::Parser;
use emberkeep_example_orders::ledger::{Entry, Fact, Ledger};
use emberkeep_example_orders::partners::books_server::{Books, BooksServer};
use emberkeep_example_orders::partners::carrier_server::{Carrier, CarrierServer};
use emberkeep_example_orders::partners::payment_server::{Payment, PaymentServer};
use emberkeep_example_orders::partners::warehouse_server::{Warehouse, WarehouseServer};
use emberkeep_example_orders::partners::{
    self as pb, ChargeRequest, Kind, ListReply, ListRequest, Receipt, ReserveRequest, ShipRequest, UndoRequest,
};
use emberkeep_example_orders::trouble::{Strike, Trouble};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

/// Warehouse, payment and carrier for the orders service.
#[derive(Debug, Parser)]
struct Args {
    /// The address to listen at, such as 127.0.0.1:8090
    listen: SocketAddr,
    /// The file that has what happened; created if missing
    ledger: PathBuf,
    /// Charges of more are declined
    #[arg(long, default_value_t = 100_000)]
    decline_over_cents: u64,
    /// How long each call takes
    #[arg(long, default_value_t = 0)]
    delay_ms: u64,
    #[command(flatten)]
    trouble: Trouble,
}

#[derive(Clone)]
struct Partners(Arc<Inner>);

struct Inner {
    args: Args,
    office: Mutex<Office>,
}

struct Office {
    ledger: Ledger,
    /// How many calls there were with each key.
    calls: HashMap<String, u32>,
}

impl Partners {
    /// Answers a call with what its key has come to, or comes to now.
    async fn answer(&self, key: &str, fact: Fact) -> Result<Response<Receipt>, Status> {
        if key.is_empty() {
            return Err(Status::invalid_argument("a call needs an idempotency key"));
        }
        let strike = self.0.args.trouble.strike(key, self.count(key));
        if strike == Some(Strike::Before) {
            return Err(Status::unavailable("out of order"));
        }
        let fact = self.settle(key, fact)?;
        tokio::time::sleep(Duration::from_millis(self.0.args.delay_ms)).await;
        match strike {
            Some(Strike::After) => return Err(Status::unavailable("the reply got lost")),
            // Until the caller gives up.
            Some(Strike::Silent) => std::future::pending().await,
            Some(Strike::Before) | None => {}
        }
        match fact {
            Fact::Effect => Ok(Response::new(Receipt {
                number: format!("receipt of {key}"),
            })),
            Fact::Refusal(reason) => Err(Status::failed_precondition(reason)),
            Fact::Bar => Err(Status::failed_precondition("it was undone before it came")),
        }
    }

    async fn undo(&self, request: UndoRequest) -> Result<Response<Receipt>, Status> {
        self.settle(&request.undone_key, Fact::Bar)?;
        self.answer(&request.idempotency_key, Fact::Effect).await
    }

    fn count(&self, key: &str) -> u32 {
        let mut office = self.0.office.lock().unwrap_or_else(PoisonError::into_inner);
        let count = office.calls.entry(key.to_owned()).or_default();
        *count += 1;
        *count - 1
    }

    fn settle(&self, key: &str, fact: Fact) -> Result<Fact, Status> {
        let mut office = self.0.office.lock().unwrap_or_else(PoisonError::into_inner);
        let settled = office.ledger.settle(key, fact);
        settled.cloned().map_err(|error| Status::unavailable(error.to_string()))
    }
}

#[tonic::async_trait]
impl Warehouse for Partners {
    async fn reserve(&self, request: Request<ReserveRequest>) -> Result<Response<Receipt>, Status> {
        self.answer(&request.into_inner().idempotency_key, Fact::Effect).await
    }

    async fn release(&self, request: Request<UndoRequest>) -> Result<Response<Receipt>, Status> {
        self.undo(request.into_inner()).await
    }
}

#[tonic::async_trait]
impl Payment for Partners {
    async fn charge(&self, request: Request<ChargeRequest>) -> Result<Response<Receipt>, Status> {
        let ChargeRequest {
            idempotency_key,
            amount_cents,
        } = request.into_inner();
        let fact = match amount_cents > self.0.args.decline_over_cents {
            true => Fact::Refusal("the card was declined".to_owned()),
            false => Fact::Effect,
        };
        self.answer(&idempotency_key, fact).await
    }

    async fn refund(&self, request: Request<UndoRequest>) -> Result<Response<Receipt>, Status> {
        self.undo(request.into_inner()).await
    }
}

#[tonic::async_trait]
impl Carrier for Partners {
    async fn ship(&self, request: Request<ShipRequest>) -> Result<Response<Receipt>, Status> {
        self.answer(&request.into_inner().idempotency_key, Fact::Effect).await
    }

    async fn recall(&self, request: Request<UndoRequest>) -> Result<Response<Receipt>, Status> {
        self.undo(request.into_inner()).await
    }
}

#[tonic::async_trait]
impl Books for Partners {
    async fn list(&self, _request: Request<ListRequest>) -> Result<Response<ListReply>, Status> {
        let office = self.0.office.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Response::new(ListReply {
            entries: office.ledger.entries().iter().map(listed).collect(),
            call_count: office.calls.values().copied().map(u64::from).sum(),
        }))
    }
}

fn listed(entry: &Entry) -> pb::Entry {
    let kind = match entry.fact {
        Fact::Effect => Kind::Effect,
        Fact::Refusal(_) => Kind::Refusal,
        Fact::Bar => Kind::Bar,
    };
    pb::Entry {
        idempotency_key: entry.key.clone(),
        kind: kind.into(),
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let incoming = TcpIncoming::bind(args.listen)?.with_nodelay(Some(true));
    let office = Mutex::new(Office {
        ledger: Ledger::open(&args.ledger)?,
        calls: HashMap::new(),
    });
    let partners = Partners(Arc::new(Inner { args, office }));
    Server::builder()
        .add_service(WarehouseServer::new(partners.clone()))
        .add_service(PaymentServer::new(partners.clone()))
        .add_service(CarrierServer::new(partners.clone()))
        .add_service(BooksServer::new(partners))
        .serve_with_incoming(incoming)
        .await?;
    Ok(())
}
