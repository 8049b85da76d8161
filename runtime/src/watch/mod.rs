//! The watch: streams assignments from assigner members and slicelets to watchers.
//!
//! ```text
//! Sender<Option<AssignmentSnapshot>> --subscribe--> WatchService ==gRPC==> AssignmentWatcher --> Receiver<Option<AssignmentSnapshot>>
//! ```
//!
//! Both ends have the same interface, so a watching slicelet can serve its assignment to other watchers.

mod assignment_snapshot;
mod client;
mod metrics;
mod server;
mod sources;
mod updates;
mod watch_error;

pub use assignment_snapshot::{AssignmentSnapshot, NeedsFull};
pub use client::{AssignmentWatcher, WatchSettings};
pub use metrics::WatchMetrics;
pub use server::{AssignmentSource, WatchLimits, WatchService};
pub use updates::updates_since;

/// The largest update that is sent or accepted, in bytes. A million slices fit.
pub const UPDATE_SIZE_MAX: usize = 64 << 20;
