//! Load reports: the measured load of one pod.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Load;
use crate::keyspace::{Slice, SliceKey};

/// The load of one pod, measured up to now.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LoadReport {
    /// The slices that the pod serves, in key order.
    pub slices: Vec<SliceLoad>,
    /// The hottest keys by the fast rate, hottest first; those of a slice have at most its load together.
    pub hottest: Vec<KeyLoad>,
    /// The most load of a key that is not in `hottest`, as far as samples show.
    pub unlisted_max: Load,
}

/// A pod's share of the load of a slice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SliceLoad {
    /// Its bounds by the assignment that the pod holds.
    pub slice: Slice,
    /// The fast rate (half-life 10 s), which follows changes quickly.
    pub fast: Load,
    /// The slow rate (half-life 60 s), which noise hardly affects.
    pub slow: Load,
    /// The bytes that the pod keeps warm; 0 if unknown.
    pub memory: u64,
    /// How many pods serve the slice and so share its load, by the assignment that the pod holds; at least 1.
    pub replicas: u32,
    /// How long the share has been measured; splitting or merging slices does not restart it.
    pub window: Duration,
    /// Keys inside the slice, in key order, that divide its load without the hottest keys into equal parts. Empty if the load
    /// is about even, or too little of it was sampled.
    pub split_hints: Vec<SliceKey>,
}

/// A pod's share of the load of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyLoad {
    /// A key of one of the reported slices.
    pub key: SliceKey,
    /// The fast rate (half-life 10 s), which follows changes quickly.
    pub fast: Load,
    /// The slow rate (half-life 60 s), which noise hardly affects.
    pub slow: Load,
}

impl LoadReport {
    /// The fast rate of all slices together.
    #[must_use]
    pub fn total(&self) -> Load {
        self.slices.iter().map(|share| share.fast).sum()
    }
}
