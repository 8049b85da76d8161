//! Bands: ownership of the key space over time, sampled for a picture.

use std::sync::Arc;

use serde::Serialize;

use crate::ownership::OwnershipMap;

/// The samples of the key space in a row.
const COLUMNS: u64 = 512;
/// The samples with more than [`MANY_PODS`] pods, which own many small slices: only broad stripes can be followed by eye.
const COLUMNS_OF_MANY: u64 = 160;
/// A run with more pods is sampled with [`COLUMNS_OF_MANY`].
const MANY_PODS: usize = 40;
/// The most rows of a picture.
const ROWS_MAX: u64 = 200;

/// A picture of ownership: rows are moments in order, columns the first owner of equally spaced keys.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Bands {
    /// Samples in a row.
    pub columns: u64,
    /// The time between two rows, in milliseconds.
    pub row_ms: u64,
    /// Rows in the picture.
    pub row_count: u64,
    /// The pod ids of the first row; `u32::MAX` for keys without an owner.
    pub first: Vec<u32>,
    /// The differences of later rows from the row above: row, column and pod id, flattened.
    pub changes: Vec<u64>,
    #[serde(skip)]
    newest: Vec<u32>,
    #[serde(skip)]
    shown: Option<Arc<OwnershipMap>>,
}

impl Bands {
    /// An empty picture of `end_ms` with at least `row_ms_min` between two rows, for this number of pods.
    #[must_use]
    pub fn new(end_ms: u64, row_ms_min: u64, pod_count: usize) -> Self {
        let row_ms = end_ms.div_ceil(ROWS_MAX).max(row_ms_min);
        Self {
            columns: if pod_count > MANY_PODS {
                COLUMNS_OF_MANY
            } else {
                COLUMNS
            },
            row_ms,
            row_count: end_ms.div_ceil(row_ms),
            ..Self::default()
        }
    }

    /// Adds the ownership from `at_ms` on. It appears in the next row; of several in one row the last one wins.
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

/// The first owner of the key in the middle of each column.
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
