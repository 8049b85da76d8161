//! The watch: assignments flow from whoever has them to whoever asks.
//!
//! ```text
//! Sender<Option<Held>> --subscribe--> WatchService ==gRPC==> AssignmentWatcher --> Receiver<Option<Held>>
//! ```
//!
//! Both ends look alike, so a slicelet that watches can serve what it holds to others.

mod client;
mod held;
mod server;
mod sources;
mod updates;

pub use client::{AssignmentWatcher, WatchSettings};
pub use held::{Held, NeedsFull};
pub use server::{AssignmentSource, WatchLimits, WatchService};
pub use updates::updates_since;

/// The largest update that is sent or accepted, in bytes: about a million slices.
pub const UPDATE_SIZE_MAX: usize = 64 << 20;
