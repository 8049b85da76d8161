//! The slice index: looks up the slice of a key in a few nanoseconds, without a lock.

use super::slice_key::{check_length, hashed_position, padded_prefix};
use super::{KeyTooLong, SliceKey, SliceMap};
use crate::target::KeyMode;

/// An immutable index over the starts of slices.
///
/// The key space is divided into equal buckets, two to four for each slice; each bucket stores the slice of its first key. If
/// slices are about even, most buckets lie within one slice, and no search is necessary. If keys cluster, a binary search
/// inside the bucket takes at most log2 of the number of slices.
#[derive(Debug, Clone)]
pub struct SliceIndex {
    /// One for each bucket, and one more for the last slice of all.
    buckets: Box<[Bucket]>,
    /// The bucket of a position is `position >> shift`.
    shift: u32,
    /// The starts as positions, contiguous in memory.
    positions: Box<[u64]>,
    starts: Box<[SliceKey]>,
}

/// More buckets would not stay in a cache.
const BUCKET_BITS_MAX: u32 = 20;

/// The number of the slice that holds a bucket's first key; the highest bit is set if it holds the whole bucket. Four bytes, so
/// that many buckets stay in a cache.
#[derive(Debug, Clone, Copy)]
struct Bucket(u32);

impl Bucket {
    const IS_WITHIN_ONE: u32 = 1 << 31;

    fn new(slice: usize, is_within_one: bool) -> Self {
        let slice = u32::try_from(slice).expect("fewer than 2^31 slices fit in memory");
        debug_assert!(slice < Self::IS_WITHIN_ONE);
        Self(if is_within_one {
            slice | Self::IS_WITHIN_ONE
        } else {
            slice
        })
    }

    const fn slice(self) -> usize {
        (self.0 & !Self::IS_WITHIN_ONE) as usize
    }

    const fn is_within_one(self) -> bool {
        self.0 & Self::IS_WITHIN_ONE != 0
    }
}

impl SliceIndex {
    /// An index over the slices of `map`.
    #[must_use]
    pub fn of<T>(map: &SliceMap<T>) -> Self {
        let starts: Box<[SliceKey]> = map.starts().cloned().collect();
        let positions: Box<[u64]> = starts.iter().map(SliceKey::position).collect();
        let bits = (starts.len().next_power_of_two().trailing_zeros() + 1).min(BUCKET_BITS_MAX);
        let shift = u64::BITS - bits;
        let bucket = |number: u64| {
            let first = SliceKey::from_position(number << shift);
            let last = (number << shift) | ((1 << shift) - 1);
            let slice = starts.partition_point(|start| *start <= first).saturating_sub(1);
            Bucket::new(slice, positions.partition_point(|start| *start <= last) == slice + 1)
        };
        let buckets = (0..1_u64 << bits)
            .map(bucket)
            .chain([Bucket::new(starts.len() - 1, false)])
            .collect();
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
        self.within_one(key.position())
            .unwrap_or_else(|| self.last_start(key.position(), |start| start <= key))
    }

    /// The number of the slice that holds an application key. Does not allocate.
    ///
    /// # Errors
    /// When the key is longer than [`SliceKey::LENGTH_MAX`].
    #[inline]
    pub fn slice_of_application_key(&self, key: &[u8], mode: KeyMode) -> Result<usize, KeyTooLong> {
        check_length(key)?;
        let position = match mode {
            KeyMode::Hashed => hashed_position(key),
            KeyMode::Ordered => padded_prefix(key),
        };
        Ok(self.within_one(position).unwrap_or_else(|| match mode {
            KeyMode::Hashed => self.last_start(position, |start| *start <= SliceKey::from_position(position)),
            KeyMode::Ordered => self.last_start(position, |start| start.is_at_most(key)),
        }))
    }

    /// The slice of a key at this position if its whole bucket lies within one slice.
    #[inline]
    fn within_one(&self, position: u64) -> Option<usize> {
        let bucket = self.buckets[(position >> self.shift) as usize];
        // A key of fewer than 8 bytes may have the first position of the bucket and still lie before the bucket.
        let is_at_edge = position.trailing_zeros() >= self.shift;
        (bucket.is_within_one() && !is_at_edge).then(|| bucket.slice())
    }

    /// The last slice whose start is not after a key. `position` is that of the key; `is_reached` compares a start with the key.
    #[inline(never)]
    fn last_start(&self, position: u64, is_reached: impl Fn(&SliceKey) -> bool) -> usize {
        let number = (position >> self.shift) as usize;
        let (first, last) = (self.buckets[number].slice(), self.buckets[number + 1].slice());
        let candidates = &self.positions[first..=last];
        let slice = first + candidates.partition_point(|start| *start <= position).saturating_sub(1);
        if self.positions[slice] < position || is_reached(&self.starts[slice]) {
            return slice;
        }
        // Several slices start at keys with the same first 8 bytes, so whole keys are compared.
        self.starts[..slice].partition_point(is_reached) - 1
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
                let slice = map.position_of(&key);
                prop_assert_eq!(index.slice_of(&key), slice, "{}", key);
                prop_assert_eq!(index.slice_of_application_key(&key.to_bytes(), KeyMode::Ordered), Ok(slice));
                let hashed = map.position_of(&SliceKey::of(&key.to_bytes(), KeyMode::Hashed).unwrap());
                prop_assert_eq!(index.slice_of_application_key(&key.to_bytes(), KeyMode::Hashed), Ok(hashed));
            }
        }
    }
}
