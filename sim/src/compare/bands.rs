//! Bands: who owns which part of the key space over time, coarse enough for a picture.

use std::sync::Arc;

use serde::Serialize;

use crate::load_trace::LoadTrace;
use crate::ownership::OwnershipMap;

/// How many pieces the key space is shown in.
const COLUMNS: u64 = 512;
/// How many where many pods own many small slices: broad stripes can be followed, and each stands for the keys around it.
const COLUMNS_OF_MANY: u64 = 160;
/// What counts as many pods.
const MANY_PODS: usize = 40;
/// How many moments are shown at most.
const ROWS_MAX: u64 = 200;

/// Rows of a picture, from the first moment to the last; each column is the owner of the key in the middle of a piece.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Bands {
    /// How many columns a row has.
    pub columns: u64,
    /// How much time a row stands for, in milliseconds.
    pub row_ms: u64,
    /// How many rows there are.
    pub row_count: u64,
    /// The pods of the first row.
    pub first: Vec<u32>,
    /// What is different in a later row: row, column and pod, one after the other.
    pub changes: Vec<u64>,
    #[serde(skip)]
    newest: Vec<u32>,
    #[serde(skip)]
    shown: Option<Arc<OwnershipMap>>,
}

impl Bands {
    /// A picture of this trace, empty yet.
    #[must_use]
    pub fn new(trace: &LoadTrace) -> Self {
        let end_ms = trace.end_ms();
        let row_ms = end_ms.div_ceil(ROWS_MAX).max(trace.decide_every_ms());
        Self {
            columns: if trace.pods().len() > MANY_PODS {
                COLUMNS_OF_MANY
            } else {
                COLUMNS
            },
            row_ms,
            row_count: end_ms.div_ceil(row_ms),
            ..Self::default()
        }
    }

    /// Adds what is so from this moment on; of several in one row the last one is shown, from the next row on.
    pub fn add(&mut self, at_ms: u64, ownership: &Arc<OwnershipMap>) {
        if self.shown.as_ref().is_some_and(|shown| Arc::ptr_eq(shown, ownership)) {
            return;
        }
        self.shown = Some(ownership.clone());
        let owners = sampled(ownership, self.columns);
        if self.first.is_empty() {
            self.first.clone_from(&owners);
        }
        for (column, (owner, before)) in (0..).zip(owners.iter().zip(&self.newest)) {
            if owner != before {
                self.changes
                    .extend([at_ms.div_ceil(self.row_ms), column, u64::from(*owner)]);
            }
        }
        self.newest = owners;
    }
}

/// The first owner in the middle of each column.
fn sampled(ownership: &OwnershipMap, columns: u64) -> Vec<u32> {
    let width = u64::MAX / columns;
    let middles = (0..columns).map(|column| column * width + width / 2);
    let ranges = ownership.ranges();
    let owners = middles.map(|middle| {
        let range = ranges.partition_point(|(start, _)| start.position() <= middle);
        let owners = range.checked_sub(1).map(|range| &ranges[range].1);
        owners.and_then(|owners| owners.first()).map_or(u32::MAX, |pod| pod.0)
    });
    owners.collect()
}
