//! What a slicelet reports about its load.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Load;
use crate::keyspace::{Slice, SliceKey};

/// The load of one pod, measured up to now.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LoadReport {
    /// The slices that the pod serves, in key order.
    pub slices: Vec<SliceLoad>,
    /// The hottest keys, by the fast rate, hottest first; those of a slice have no more together than it has.
    pub hottest: Vec<KeyLoad>,
    /// No key that is left out of `hottest` has more, so far as samples tell.
    pub unlisted_max: Load,
}

/// A pod's share in the load of a slice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SliceLoad {
    /// The slice.
    pub slice: Slice,
    /// The rate that sees a change soon, with a half-life of 10 s.
    pub fast: Load,
    /// The rate that noise hardly moves, with a half-life of 60 s.
    pub slow: Load,
    /// The bytes that the pod keeps warm; 0 where that is unknown.
    pub memory: u64,
    /// How many pods serve the slice and so share its load, by the assignment that the pod goes by; at least 1.
    pub replicas: u32,
    /// How long the share has been measured; it stays with the keys when slices are cut or joined.
    pub window: Duration,
    /// Keys inside the slice, in key order, that cut its load without the hottest keys into equal parts. None where the
    /// load is about even, or too little of it was sampled.
    pub cuts: Vec<SliceKey>,
}

/// A pod's share in the load of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyLoad {
    /// The key.
    pub key: SliceKey,
    /// The rate that sees a change soon, with a half-life of 10 s.
    pub fast: Load,
    /// The rate that noise hardly moves, with a half-life of 60 s.
    pub slow: Load,
}

impl LoadReport {
    /// The fast rate of all slices together.
    #[must_use]
    pub fn total(&self) -> Load {
        self.slices.iter().map(|share| share.fast).sum()
    }
}
