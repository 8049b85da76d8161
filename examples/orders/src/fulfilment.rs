//! The workflow of an order: reserve, charge and ship, each with its undo.

use std::sync::Arc;

use tonic::transport::Channel;
use tonic::{Code, Response, Status};

use crate::order::Order;
use crate::partners::carrier_client::CarrierClient;
use crate::partners::payment_client::PaymentClient;
use crate::partners::warehouse_client::WarehouseClient;
use crate::partners::{ChargeRequest, Receipt, ReserveRequest, ShipRequest, UndoRequest};
use crate::steps::{Retries, StepError, Stepwise, Workflow, WorkflowStep};

/// The steps of an order, as calls to the outside services at `partners`.
#[must_use]
pub fn workflow(partners: &Channel, retries: Retries) -> Workflow<Order> {
    let (warehouse, payment, carrier) = (
        WarehouseClient::new(partners.clone()),
        PaymentClient::new(partners.clone()),
        CarrierClient::new(partners.clone()),
    );
    Workflow::new(retries)
        .then(reserve(warehouse))
        .then(charge(payment))
        .then(ship(carrier))
}

fn reserve(warehouse: WarehouseClient<Channel>) -> WorkflowStep<Order> {
    let undo_warehouse = warehouse.clone();
    WorkflowStep::new("reserve", move |order: Arc<Order>, idempotency_key| {
        let mut warehouse = warehouse.clone();
        let request = ReserveRequest {
            idempotency_key,
            item: order.asked.item.clone(),
            count: order.asked.count,
        };
        async move { answer(warehouse.reserve(request).await) }
    })
    .undone_by(move |order, key| {
        let mut warehouse = undo_warehouse.clone();
        async move { answer(warehouse.release(undo(&order, "reserve", key)).await) }
    })
}

fn charge(payment: PaymentClient<Channel>) -> WorkflowStep<Order> {
    let undo_payment = payment.clone();
    WorkflowStep::new("charge", move |order: Arc<Order>, idempotency_key| {
        let mut payment = payment.clone();
        let request = ChargeRequest {
            idempotency_key,
            amount_cents: order.asked.amount_cents,
        };
        async move { answer(payment.charge(request).await) }
    })
    .undone_by(move |order, key| {
        let mut payment = undo_payment.clone();
        async move { answer(payment.refund(undo(&order, "charge", key)).await) }
    })
}

fn ship(carrier: CarrierClient<Channel>) -> WorkflowStep<Order> {
    let undo_carrier = carrier.clone();
    WorkflowStep::new("ship", move |order: Arc<Order>, idempotency_key| {
        let mut carrier = carrier.clone();
        let request = ShipRequest {
            idempotency_key,
            address: order.asked.address.clone(),
            reservation: order.progress().returned_by("reserve").unwrap_or_default().to_owned(),
        };
        async move { answer(carrier.ship(request).await) }
    })
    .undone_by(move |order, key| {
        let mut carrier = undo_carrier.clone();
        async move { answer(carrier.recall(undo(&order, "ship", key)).await) }
    })
}

fn undo(order: &Order, step: &str, idempotency_key: String) -> UndoRequest {
    UndoRequest {
        idempotency_key,
        undone_key: format!("{}/{step}", order.asked.order_id),
    }
}

/// FAILED_PRECONDITION is the documented rejection; every other error may be transient.
fn answer(outcome: Result<Response<Receipt>, Status>) -> Result<String, StepError> {
    match outcome {
        Ok(receipt) => Ok(receipt.into_inner().number),
        Err(status) if status.code() == Code::FailedPrecondition => {
            Err(StepError::Rejected(status.message().to_owned()))
        }
        Err(status) => Err(StepError::Transient(status.message().to_owned())),
    }
}
