//! The slice index: from a key to its slice in a few nanoseconds, without a lock.

use super::{SliceKey, SliceMap};

/// An immutable index over where slices start.
///
/// The key space is divided into equal buckets, about as many as there are slices; each bucket knows the last slice
/// that starts before it. Hashed keys and even slices need one step in the bucket. Where keys cluster, a binary
/// search inside the bucket bounds the work to log2 of the slices.
#[derive(Debug, Clone)]
pub struct SliceIndex {
    /// The slice that holds the first key of each bucket; one more entry for the last slice of all.
    buckets: Box<[u32]>,
    /// How far a position is shifted to get its bucket.
    shift: u32,
    /// Where slices start, as positions, beside each other in memory.
    positions: Box<[u64]>,
    starts: Box<[SliceKey]>,
}

/// More buckets than this would not stay in a cache.
const BUCKET_BITS_MAX: u32 = 20;

impl SliceIndex {
    /// An index over the slices of `map`.
    #[must_use]
    pub fn of<T>(map: &SliceMap<T>) -> Self {
        let starts: Box<[SliceKey]> = map.starts().cloned().collect();
        let bits = starts
            .len()
            .next_power_of_two()
            .trailing_zeros()
            .clamp(1, BUCKET_BITS_MAX);
        let shift = u64::BITS - bits;
        let holder = |position: u64| {
            let first = SliceKey::from_position(position);
            starts.partition_point(|start| *start <= first).saturating_sub(1)
        };
        let buckets = (0..1_u64 << bits)
            .map(|bucket| holder(bucket << shift))
            .chain([starts.len() - 1])
            .map(|slice| u32::try_from(slice).expect("fewer than 2^32 slices fit in memory"))
            .collect();
        let positions = starts.iter().map(SliceKey::position).collect();
        Self {
            buckets,
            shift,
            positions,
            starts,
        }
    }

    /// The number, in key order, of the slice that holds the key.
    #[inline]
    #[must_use]
    pub fn slice_of(&self, key: &SliceKey) -> usize {
        let bucket = (key.position() >> self.shift) as usize;
        let (first, last) = (self.buckets[bucket] as usize, self.buckets[bucket + 1] as usize);
        let candidates = &self.positions[first..=last];
        let slice = first
            + candidates
                .partition_point(|start| *start <= key.position())
                .saturating_sub(1);
        if self.starts[slice] <= *key {
            return slice;
        }
        // Several slices start at keys with the same first 8 bytes; then the whole keys decide.
        self.starts[..slice].partition_point(|start| start <= key) - 1
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        let clustered = prop::collection::vec(prop_oneof![Just(0_u8), Just(7), Just(255)], 0..11);
        let spread = any::<u64>().prop_map(|position| position.to_be_bytes().to_vec());
        prop_oneof![clustered, spread]
    }

    proptest! {
        #[test]
        fn the_index_agrees_with_the_map(
            starts in prop::collection::btree_set(bytes(), 0..200),
            probes in prop::collection::vec(bytes(), 1..50),
        ) {
            let mut keys: Vec<_> = starts.iter().map(|bytes| SliceKey::try_new(bytes).unwrap()).collect();
            if keys.first().is_none_or(|first| !first.is_empty()) {
                keys.insert(0, SliceKey::EMPTY);
            }
            let map = SliceMap::try_from_starts(keys.iter().map(|key| (key.clone(), ())).collect()).unwrap();
            let index = SliceIndex::of(&map);
            let probes = probes.iter().map(|bytes| SliceKey::try_new(bytes).unwrap());
            for key in probes.chain(keys) {
                prop_assert_eq!(index.slice_of(&key), map.position_of(&key), "{}", key);
            }
        }
    }
}
