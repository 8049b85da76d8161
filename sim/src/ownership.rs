//! Ownership of keys: which pods of a trace serve which range of keys.

use emberkeep_core::keyspace::SliceKey;
use smallvec::SmallVec;

use crate::load_trace::PodId;

/// The pods that serve a range, in ascending order.
pub type Owners = SmallVec<[PodId; 2]>;

/// The owners of every key, as ranges in key order; neighbouring ranges have different owners.
///
/// That form is canonical: two maps are equal exactly if every key has the same owners in both.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OwnershipMap {
    ranges: Vec<(SliceKey, Owners)>,
}

impl OwnershipMap {
    /// Builds a map from the start and owners of each range. Starts ascend, the first one is the empty key.
    #[must_use]
    pub fn from_starts(starts: impl IntoIterator<Item = (SliceKey, Owners)>) -> Self {
        let mut ranges: Vec<(SliceKey, Owners)> = Vec::new();
        for (start, mut owners) in starts {
            owners.sort_unstable();
            debug_assert!(ranges.last().map_or(start.is_empty(), |(before, _)| *before < start));
            if ranges.last().is_none_or(|(_, before)| *before != owners) {
                ranges.push((start, owners));
            }
        }
        Self { ranges }
    }

    /// The start and the owners of each range, in key order.
    #[must_use]
    pub fn ranges(&self) -> &[(SliceKey, Owners)] {
        &self.ranges
    }

    /// The owners of a key.
    ///
    /// # Panics
    /// When the map is empty, as before the first decision.
    #[must_use]
    pub fn owners_of(&self, key: &SliceKey) -> &Owners {
        let index = self.ranges.partition_point(|(start, _)| start <= key);
        &self.ranges[index - 1].1
    }
}

/// The first key of a range that starts at `position`; position 0 stands for the empty key.
pub(crate) fn range_start(position: u64) -> SliceKey {
    match position {
        0 => SliceKey::EMPTY,
        _ => SliceKey::from_position(position),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_with_the_same_owners_are_one_range() {
        let range = |position: u64, pods: &[u32]| {
            (
                range_start(position),
                pods.iter().copied().map(PodId).collect::<Owners>(),
            )
        };
        let split = OwnershipMap::from_starts([range(0, &[1, 2]), range(5, &[2, 1]), range(9, &[1])]);
        let whole = OwnershipMap::from_starts([range(0, &[1, 2]), range(9, &[1])]);
        assert_eq!(split, whole);
        assert_eq!(split.ranges().len(), 2);
    }
}
