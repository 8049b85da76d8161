//! Replaying a load trace through a simulated cluster: the assigner learns of load and pods only by reports and sessions.
//!
//! ```text
//! LoadTrace --> Cluster (meters, reports, network, Raft) --> assignment of clients --> Scorer, as with exact signals
//! ```
//!
//! The cluster runs for [`HEAD_START`] before the trace begins, so that its initial pods own keys by then. Pods that crash
//! refuse connections; pods that drain announce it and are gone at once, as in the trace. Until the next assignment their keys
//! have no owner, because detection takes time.

mod figures;
mod measured_cluster;

pub use figures::{LoadStep, MeasuredFigures};
pub use measured_cluster::{HEAD_START, LogSink, MeasuredCluster};
