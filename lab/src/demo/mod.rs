//! The demo service, on the public SDK only: its messages, one pod of it, and the expected values of its keys.

mod demo_value;
mod pod;
mod read_ledger;
mod service;
mod value;

/// Messages and service: generated from `proto/emberkeep/demo/v1/demo.proto`.
#[allow(missing_docs, unreachable_pub, clippy::all)]
pub mod pb {
    tonic::include_proto!("emberkeep.demo.v1");
}

pub use self::pod::{DemoPod, DemoPodSettings};
pub(crate) use self::read_ledger::ReadTotals;
pub use self::value::{TARGET, value_of};
