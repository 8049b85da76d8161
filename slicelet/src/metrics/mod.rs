//! The metrics of a slicelet, one file per subsystem. Metric names appear in this folder only.

mod admission;
mod forward;
mod session;
mod slicelet;
mod store;
mod transfer;
mod warm;

pub(crate) use forward::{ForwardMetrics, ForwardOutcome};
pub(crate) use session::{SessionFailure, SessionMetrics};
pub(crate) use slicelet::Metrics;
pub use slicelet::metric_descriptions;
pub(crate) use store::ReadCause;
pub(crate) use transfer::PullEnd;
