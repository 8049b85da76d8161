//! A service to copy: orders of several steps (reserve, charge, ship), each with its effect once, whatever crashes.
//!
//! [`steps`] is a small library for such work and knows nothing of orders: lift it out. [`fulfilment`] is what it is to do
//! for an order. `src/bin/orders-server.rs` is a pod, `src/bin/orders-client.rs` calls it, and `src/bin/orders-partners.rs`
//! stands for the outside world.

pub mod call_journal;
pub mod fault_plan;
pub mod fulfilment;
pub mod order;
pub mod steps;

/// The service as tonic generates it from `proto/orders.proto`.
#[allow(missing_docs, unreachable_pub, clippy::all)]
pub mod pb {
    tonic::include_proto!("orders");
}

/// The outside services as tonic generates them from `proto/partners.proto`.
#[allow(missing_docs, unreachable_pub, clippy::all)]
pub mod partners {
    tonic::include_proto!("partners");
}

/// The name under which the assigner knows this service.
pub const TARGET: &str = "orders";
