//! The keys of a trace, divided among their owners.

use std::sync::Arc;

use emberkeep_core::keyspace::SliceKey;

use crate::ownership::{Owners, OwnershipMap};

/// An ownership, with the trace's keys in each of its ranges.
#[derive(Debug, Clone, Default)]
pub(super) struct KeyRanges {
    ownership: Arc<OwnershipMap>,
    /// The index of the first key of each range; last, the number of keys.
    cuts: Vec<usize>,
}

impl KeyRanges {
    pub(super) fn new(ownership: &Arc<OwnershipMap>, keys: &[u64]) -> Self {
        let mut cuts: Vec<usize> = Vec::with_capacity(ownership.ranges().len() + 1);
        for (start, _) in ownership.ranges() {
            let from = cuts.last().copied().unwrap_or(0);
            cuts.push(from + keys[from..].partition_point(|key| SliceKey::from_position(*key) < *start));
        }
        cuts.push(keys.len());
        Self {
            ownership: ownership.clone(),
            cuts,
        }
    }

    /// Whether this divides the keys by that ownership.
    pub(super) fn is_of(&self, ownership: &Arc<OwnershipMap>) -> bool {
        !self.cuts.is_empty() && Arc::ptr_eq(&self.ownership, ownership)
    }

    /// The non-empty ranges: index of the first key, index after the last key, owners.
    pub(super) fn parts(&self) -> impl Iterator<Item = (usize, usize, &Owners)> {
        let bounds = self.cuts.windows(2).map(|pair| (pair[0], pair[1]));
        let owners = self.ownership.ranges().iter().map(|(_, owners)| owners);
        let parts = bounds.zip(owners).map(|((from, to), owners)| (from, to, owners));
        parts.filter(|(from, to, _)| from < to)
    }

    /// The owners of the key at this index.
    pub(super) fn owners_of(&self, key: usize) -> &Owners {
        let ranges = self.ownership.ranges();
        // The last range that begins at or before the key; of several that begin at one key, all but the last are empty.
        &ranges[self.cuts[..ranges.len()].partition_point(|cut| *cut <= key) - 1].1
    }
}
