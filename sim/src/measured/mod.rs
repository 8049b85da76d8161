//! Replaying a load trace through a whole cluster: the assigner knows of load and pods only what it is told, when it is
//! told.
//!
//! ```text
//! LoadTrace --> Cluster (meters, reports, network, Raft) --> what clients go by --> Scorer, as with exact signals
//! ```
//!
//! The cluster has [`HEAD_START`] before the trace begins, so that the pods of its first moment own keys by then. Pods
//! that crash refuse connections; pods that drain say that they stop, and are gone at once, as a trace has it. Between
//! that and the next assignment nobody has their keys: no detection is instant.

mod figures;
mod measured_cluster;

pub use figures::{LoadStep, MeasuredFigures};
pub use measured_cluster::{HEAD_START, LogSink, MeasuredCluster};
