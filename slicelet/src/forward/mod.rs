//! Forwarding: a request for another pod's key is sent on to that pod, for callers that know of no owners.
//!
//! ```text
//! request --> service --any other answer-----------------------> caller
//!    | copy      +---NotOwner--> Forwarder --> owner --answer--> caller
//!    +----------------------------^
//! ```
//!
//! Only what the service has refused is sent on, so nothing is done twice.

mod buffered_request;
mod forwarder;
mod layer;
mod peer_channels;

pub(crate) use forwarder::Forwarder;
pub use layer::{ForwardLayer, Forwarding};
