//! The outside services of the orders example, warehouse, payment and carrier, in one process, with faults on request.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clap::Parser;
use emberkeep_example_orders::call_journal::{CallJournal, CallOutcome, JournalEntry};
use emberkeep_example_orders::fault_plan::{CallFault, FaultPlan};
use emberkeep_example_orders::partners::carrier_server::{Carrier, CarrierServer};
use emberkeep_example_orders::partners::journal_server::{Journal, JournalServer};
use emberkeep_example_orders::partners::payment_server::{Payment, PaymentServer};
use emberkeep_example_orders::partners::warehouse_server::{Warehouse, WarehouseServer};
use emberkeep_example_orders::partners::{
    self as pb, ChargeRequest, Kind, ListReply, ListRequest, Receipt, ReserveRequest, ShipRequest, UndoRequest,
};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

/// Warehouse, payment and carrier for the orders service.
#[derive(Debug, Parser)]
struct Args {
    /// The listen address, such as 127.0.0.1:8090
    listen: SocketAddr,
    /// The file with the outcome of every call; created if missing
    journal: PathBuf,
    /// Declines charges above this amount
    #[arg(long, default_value_t = 100_000)]
    decline_over_cents: u64,
    /// Delays each reply, in milliseconds
    #[arg(long, default_value_t = 0)]
    delay_ms: u64,
    #[command(flatten)]
    faults: FaultPlan,
}

#[derive(Clone)]
struct Partners(Arc<PartnersState>);

struct PartnersState {
    args: Args,
    log: Mutex<CallLog>,
}

struct CallLog {
    journal: CallJournal,
    /// Calls received with each idempotency key since the start.
    call_counts: HashMap<String, u32>,
}

impl Partners {
    /// Replies with the outcome in the journal, or else records `outcome` and replies with it.
    async fn answer(&self, key: &str, outcome: CallOutcome) -> Result<Response<Receipt>, Status> {
        if key.is_empty() {
            return Err(Status::invalid_argument("a call needs an idempotency key"));
        }
        let fault = self.0.args.faults.fault_of(key, self.count(key));
        if fault == Some(CallFault::Before) {
            return Err(Status::unavailable("out of service"));
        }
        let outcome = self.settle(key, outcome)?;
        tokio::time::sleep(Duration::from_millis(self.0.args.delay_ms)).await;
        match fault {
            Some(CallFault::After) => return Err(Status::unavailable("the reply was lost")),
            // The call ends at the caller's deadline.
            Some(CallFault::Silent) => std::future::pending().await,
            Some(CallFault::Before) | None => {}
        }
        match outcome {
            CallOutcome::Effect => Ok(Response::new(Receipt {
                number: format!("receipt of {key}"),
            })),
            CallOutcome::Refusal(reason) => Err(Status::failed_precondition(reason)),
            CallOutcome::Bar => Err(Status::failed_precondition("undone before it arrived")),
        }
    }

    async fn undo(&self, request: UndoRequest) -> Result<Response<Receipt>, Status> {
        self.settle(&request.undone_key, CallOutcome::Bar)?;
        self.answer(&request.idempotency_key, CallOutcome::Effect).await
    }

    /// The number of earlier calls with that key.
    fn count(&self, key: &str) -> u32 {
        let mut log = self.0.log.lock().unwrap_or_else(PoisonError::into_inner);
        let count = log.call_counts.entry(key.to_owned()).or_default();
        *count += 1;
        *count - 1
    }

    fn settle(&self, key: &str, outcome: CallOutcome) -> Result<CallOutcome, Status> {
        let mut log = self.0.log.lock().unwrap_or_else(PoisonError::into_inner);
        let settled = log.journal.settle(key, outcome);
        settled.cloned().map_err(|error| Status::unavailable(error.to_string()))
    }
}

#[tonic::async_trait]
impl Warehouse for Partners {
    async fn reserve(&self, request: Request<ReserveRequest>) -> Result<Response<Receipt>, Status> {
        self.answer(&request.into_inner().idempotency_key, CallOutcome::Effect)
            .await
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
        let outcome = match amount_cents > self.0.args.decline_over_cents {
            true => CallOutcome::Refusal("the card was declined".to_owned()),
            false => CallOutcome::Effect,
        };
        self.answer(&idempotency_key, outcome).await
    }

    async fn refund(&self, request: Request<UndoRequest>) -> Result<Response<Receipt>, Status> {
        self.undo(request.into_inner()).await
    }
}

#[tonic::async_trait]
impl Carrier for Partners {
    async fn ship(&self, request: Request<ShipRequest>) -> Result<Response<Receipt>, Status> {
        self.answer(&request.into_inner().idempotency_key, CallOutcome::Effect)
            .await
    }

    async fn recall(&self, request: Request<UndoRequest>) -> Result<Response<Receipt>, Status> {
        self.undo(request.into_inner()).await
    }
}

#[tonic::async_trait]
impl Journal for Partners {
    async fn list(&self, _request: Request<ListRequest>) -> Result<Response<ListReply>, Status> {
        let log = self.0.log.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Response::new(ListReply {
            entries: log.journal.entries().iter().map(listed).collect(),
            call_count: log.call_counts.values().copied().map(u64::from).sum(),
        }))
    }
}

fn listed(entry: &JournalEntry) -> pb::Entry {
    let kind = match entry.outcome {
        CallOutcome::Effect => Kind::Effect,
        CallOutcome::Refusal(_) => Kind::Refusal,
        CallOutcome::Bar => Kind::Bar,
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
    let log = Mutex::new(CallLog {
        journal: CallJournal::open(&args.journal)?,
        call_counts: HashMap::new(),
    });
    let partners = Partners(Arc::new(PartnersState { args, log }));
    Server::builder()
        .add_service(WarehouseServer::new(partners.clone()))
        .add_service(PaymentServer::new(partners.clone()))
        .add_service(CarrierServer::new(partners.clone()))
        .add_service(JournalServer::new(partners))
        .serve_with_incoming(incoming)
        .await?;
    Ok(())
}
