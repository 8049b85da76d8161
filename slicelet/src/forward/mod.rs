//! Forwarding: a request for another pod's key is sent to that pod, for clients without a clerk.
//!
//! ```text
//! request --> service --any other answer-----------------------> caller
//!    | copy      +---NotOwner--> Forwarder --> owner --answer--> caller
//!    +----------------------------^
//! ```
//!
//! Only requests rejected by the service are forwarded, so none is processed twice.

mod buffered_request;
mod forwarder;
mod layer;
mod peer_channels;

pub(crate) use forwarder::Forwarder;
pub use layer::{ForwardLayer, Forwarding};
