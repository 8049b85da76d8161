//! OwnershipMap: which pods of a trace serve which keys, and nothing else.

use emberkeep_core::keyspace::SliceKey;
use smallvec::SmallVec;

use crate::load_trace::PodId;

/// The pods that serve a range, by number.
pub type Owners = SmallVec<[PodId; 2]>;

/// Every key with its owners, as ranges in key order of which no two neighbours have the same owners.
///
/// Two of them are equal just when every key has the same owners in both.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OwnershipMap {
    ranges: Vec<(SliceKey, Owners)>,
}

impl OwnershipMap {
    /// Ranges that begin at these keys; the first is the empty key, and they increase.
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

    /// Where ranges begin, and who owns them, in key order.
    #[must_use]
    pub fn ranges(&self) -> &[(SliceKey, Owners)] {
        &self.ranges
    }

    /// Who owns a key.
    ///
    /// # Panics
    /// Where nobody owns anything yet.
    #[must_use]
    pub fn owners_of(&self, key: &SliceKey) -> &Owners {
        let place = self.ranges.partition_point(|(start, _)| start <= key);
        &self.ranges[place - 1].1
    }
}

/// The key at which a range begins that starts at this position; the first one begins at the empty key.
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
        let cut = OwnershipMap::from_starts([range(0, &[1, 2]), range(5, &[2, 1]), range(9, &[1])]);
        let whole = OwnershipMap::from_starts([range(0, &[1, 2]), range(9, &[1])]);
        assert_eq!(cut, whole);
        assert_eq!(cut.ranges().len(), 2);
    }
}
