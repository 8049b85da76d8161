//! Requests of the pod's services as operators see them: a span for each sampled one, and a log line for one in N.
//!
//! ```text
//! request --RequestLayer--> neither sampled nor logged: the service, nothing else
//!                     +---> ObservedRequest{span, notes} --> service --> own, load: note slice and warmth
//! ```

mod layer;
mod notes;
mod observer;

pub use layer::{ObservedService, RequestLayer};
pub(crate) use notes::{is_observed, on_loaded, on_owned};
pub(crate) use observer::RequestObserver;
