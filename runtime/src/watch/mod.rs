//! The watch: assignments flow from whoever has them to whoever asks.
//!
//! ```text
//! Sender<Option<AssignmentSnapshot>> --subscribe--> WatchService ==gRPC==> AssignmentWatcher --> Receiver<Option<AssignmentSnapshot>>
//! ```
//!
//! Both ends look alike, so a slicelet that watches can serve what it holds to others.

mod assignment_snapshot;
mod client;
mod server;
mod sources;
mod updates;

pub use assignment_snapshot::{AssignmentSnapshot, NeedsFull};
pub use client::{AssignmentWatcher, WatchSettings};
pub use server::{AssignmentSource, WatchLimits, WatchService};
pub use updates::updates_since;

/// The largest update that is sent or accepted, in bytes: about a million slices.
pub const UPDATE_SIZE_MAX: usize = 64 << 20;
