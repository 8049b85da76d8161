//! What a slicelet reports about its load.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Load;
use crate::keyspace::{Slice, SliceKey};

/// The load of one pod, measured over a window that ends now.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LoadReport {
    /// How long the figures were measured.
    pub window: Duration,
    /// The rate of each slice in which the pod has a share, in key order.
    pub slices: Vec<(Slice, Load)>,
    /// The hottest keys with their rates, hottest first; never more than what their slices have.
    pub hottest: Vec<(SliceKey, Load)>,
}

impl LoadReport {
    /// The load of all slices together.
    #[must_use]
    pub fn total(&self) -> Load {
        self.slices.iter().map(|(_, load)| *load).sum()
    }
}
