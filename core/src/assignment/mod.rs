//! Assignments: the owners of all slices at one generation, and the differences between generations.

mod diff;
mod generation;
mod proposal;
mod renumbering;
mod replicas;
mod snapshot;

pub use diff::{AssignmentDiff, DiffError, DiffSlice, Update};
pub use generation::Generation;
pub use proposal::Proposal;
pub use replicas::{Phase, PodIndex, Replica, ReplicaSet};
pub use snapshot::{Assignment, AssignmentError, SliceState};
