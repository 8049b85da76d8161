//! The keys of a trace, divided among their owners.

use std::sync::Arc;

use emberkeep_core::keyspace::SliceKey;

use crate::ownership::{Owners, OwnershipMap};

/// An ownership, with the trace's keys in each of its ranges.
#[derive(Debug, Clone, Default)]
pub(super) struct KeyRanges {
    ownership: Arc<OwnershipMap>,
    /// The index of the first key of each range; last, the number of keys.
    bounds: Vec<usize>,
}

impl KeyRanges {
    pub(super) fn new(ownership: &Arc<OwnershipMap>, keys: &[u64]) -> Self {
        let mut bounds: Vec<usize> = Vec::with_capacity(ownership.ranges().len() + 1);
        for (start, _) in ownership.ranges() {
            let from = bounds.last().copied().unwrap_or(0);
            bounds.push(from + keys[from..].partition_point(|key| SliceKey::from_position(*key) < *start));
        }
        bounds.push(keys.len());
        Self {
            ownership: ownership.clone(),
            bounds,
        }
    }

    /// Whether this divides the keys by that ownership.
    pub(super) fn is_of(&self, ownership: &Arc<OwnershipMap>) -> bool {
        !self.bounds.is_empty() && Arc::ptr_eq(&self.ownership, ownership)
    }

    /// The non-empty ranges: index of the first key, index after the last key, owners.
    pub(super) fn parts(&self) -> impl Iterator<Item = (usize, usize, &Owners)> {
        let pairs = self.bounds.windows(2).map(|pair| (pair[0], pair[1]));
        let owners = self.ownership.ranges().iter().map(|(_, owners)| owners);
        let parts = pairs.zip(owners).map(|((from, to), owners)| (from, to, owners));
        parts.filter(|(from, to, _)| from < to)
    }

    /// The owners of the key at this index.
    pub(super) fn owners_of(&self, key: usize) -> &Owners {
        let ranges = self.ownership.ranges();
        // The last range that begins at or before the key; of several that begin at one key, all but the last are empty.
        &ranges[self.bounds[..ranges.len()].partition_point(|bound| *bound <= key) - 1].1
    }
}
