//! The brain of the assigner.

mod cluster;

pub use cluster::{Applied, Change, ClusterState, Rejection};
