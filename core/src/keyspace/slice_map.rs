//! Slice maps: total maps from keys to values.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Slice, SliceKey};

/// A total map from the key space to values, as sorted adjacent slices.
///
/// Every key has exactly one value by construction, since only the starts of slices are stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<(SliceKey, T)>", into = "Vec<(SliceKey, T)>")]
#[serde(bound(serialize = "T: Clone + Serialize", deserialize = "T: Deserialize<'de>"))]
pub struct SliceMap<T> {
    /// Starts and values; the first start is the empty key, starts strictly increase.
    entries: Vec<(SliceKey, T)>,
}

/// Slices that do not cover every key exactly once.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[allow(missing_docs, reason = "the messages name the fields")]
pub enum CoverError {
    /// There are no slices.
    #[error("no slices: the first one must start at the empty key")]
    Empty,
    /// Keys before the first slice have no value.
    #[error("the first slice starts at {start}, it must start at the empty key")]
    Uncovered { start: SliceKey },
    /// Slices are out of order, or two start at the same key.
    #[error("slice starts must increase, but {start} follows {before}")]
    Unordered { before: SliceKey, start: SliceKey },
}

impl<T> SliceMap<T> {
    /// The map with one value for all keys.
    #[must_use]
    pub fn full(value: T) -> Self {
        Self {
            entries: vec![(SliceKey::EMPTY, value)],
        }
    }

    /// A map from the starts of slices to values.
    ///
    /// # Errors
    /// When the starts do not begin at the empty key and strictly increase.
    pub fn try_from_starts(entries: Vec<(SliceKey, T)>) -> Result<Self, CoverError> {
        let (first, _) = entries.first().ok_or(CoverError::Empty)?;
        if !first.is_empty() {
            return Err(CoverError::Uncovered { start: first.clone() });
        }
        match entries.windows(2).find(|pair| pair[0].0 >= pair[1].0) {
            None => Ok(Self { entries }),
            Some(pair) => Err(CoverError::Unordered {
                before: pair[0].0.clone(),
                start: pair[1].0.clone(),
            }),
        }
    }

    /// The number of slices, at least one.
    #[must_use]
    pub fn slice_count(&self) -> usize {
        self.entries.len()
    }

    /// The slices with their values, in key order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (Slice, &T)> {
        (0..self.entries.len()).map(|at| (self.slice_at(at), &self.entries[at].1))
    }

    /// The values, in key order.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &T> {
        self.entries.iter().map(|(_, value)| value)
    }

    /// The starts of all slices, in order; the first is the empty key.
    pub fn starts(&self) -> impl ExactSizeIterator<Item = &SliceKey> {
        self.entries.iter().map(|(start, _)| start)
    }

    /// The slice that holds the key, and its value.
    #[must_use]
    pub fn get(&self, key: &SliceKey) -> (Slice, &T) {
        let at = self.position_of(key);
        (self.slice_at(at), &self.entries[at].1)
    }

    /// The slices that share keys with `slice`, with their full bounds, in key order.
    pub fn overlapping<'a>(&'a self, slice: &'a Slice) -> impl Iterator<Item = (Slice, &'a T)> {
        let first = self.position_of(slice.start());
        self.entries[first..]
            .iter()
            .enumerate()
            .take_while(|(_, (start, _))| slice.end().is_none_or(|end| start < end))
            .map(move |(offset, (_, value))| (self.slice_at(first + offset), value))
    }

    /// The map with the same slices and other values.
    pub fn map<U>(&self, mut value: impl FnMut(Slice, &T) -> U) -> SliceMap<U> {
        let entries = (0..self.entries.len())
            .map(|at| {
                let (start, old) = &self.entries[at];
                (start.clone(), value(self.slice_at(at), old))
            })
            .collect();
        SliceMap { entries }
    }

    /// The map with some slices replaced by `changes`; `None` unless each run of adjacent changes replaces whole slices of this
    /// map. `changes` are in key order and do not overlap.
    #[must_use]
    pub fn replaced(&self, changes: Vec<(Slice, T)>) -> Option<Self>
    where
        T: Clone,
    {
        let mut entries = Vec::with_capacity(self.entries.len() + changes.len());
        let mut rest = 0;
        let mut changes = changes.into_iter().peekable();
        while let Some((slice, value)) = changes.next() {
            let before = rest + self.entries[rest..].partition_point(|(start, _)| start < slice.start());
            entries.extend_from_slice(&self.entries[rest..before]);
            // A run of adjacent changes may have other bounds inside, but starts and ends where slices do.
            if self.entries.get(before)?.0 != *slice.start() {
                return None;
            }
            let mut end = slice.end().cloned();
            entries.push((slice.start().clone(), value));
            while let Some((next, value)) = changes.next_if(|(next, _)| Some(next.start()) == end.as_ref()) {
                end = next.end().cloned();
                entries.push((next.start().clone(), value));
            }
            rest = match &end {
                None => self.entries.len(),
                Some(end) => self.entries.binary_search_by(|(start, _)| start.cmp(end)).ok()?,
            };
        }
        entries.extend_from_slice(&self.entries[rest..]);
        Self::try_from_starts(entries).ok()
    }

    /// The slice with that index in key order, and its value.
    ///
    /// # Panics
    /// When the index is not below [`SliceMap::slice_count`].
    #[must_use]
    pub fn at(&self, at: usize) -> (Slice, &T) {
        (self.slice_at(at), &self.entries[at].1)
    }

    /// The index of the slice that holds the key.
    #[must_use]
    pub fn position_of(&self, key: &SliceKey) -> usize {
        // The first start is the empty key, so at least one start is not after the key.
        self.entries.partition_point(|(start, _)| start <= key) - 1
    }

    fn slice_at(&self, at: usize) -> Slice {
        let end = self.entries.get(at + 1).map(|(start, _)| start.clone());
        Slice::new(self.entries[at].0.clone(), end).expect("starts strictly increase")
    }
}

impl<T> TryFrom<Vec<(SliceKey, T)>> for SliceMap<T> {
    type Error = CoverError;

    fn try_from(entries: Vec<(SliceKey, T)>) -> Result<Self, CoverError> {
        Self::try_from_starts(entries)
    }
}

impl<T> From<SliceMap<T>> for Vec<(SliceKey, T)> {
    fn from(map: SliceMap<T>) -> Self {
        map.entries
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(position: u8) -> SliceKey {
        SliceKey::try_new(&[position]).unwrap()
    }

    fn map_of(starts: &[u8]) -> SliceMap<u8> {
        let mut entries = vec![(SliceKey::EMPTY, 0)];
        entries.extend(starts.iter().map(|start| (key(*start), *start)));
        SliceMap::try_from_starts(entries).unwrap()
    }

    fn starts() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::btree_set(1_u8..=255, 0..20).prop_map(|set| set.into_iter().collect())
    }

    proptest! {
        #[test]
        fn every_key_has_exactly_one_slice(starts in starts(), probe in 0_u8..=255) {
            let map = map_of(&starts);
            let holders = map.iter().filter(|(slice, _)| slice.contains(&key(probe))).count();
            prop_assert_eq!(holders, 1);
            let (slice, value) = map.get(&key(probe));
            prop_assert!(slice.contains(&key(probe)));
            prop_assert_eq!(*value, starts.iter().copied().filter(|s| *s <= probe).max().unwrap_or(0));
        }

        #[test]
        fn overlapping_finds_all_slices_that_share_keys(starts in starts(), a in 0_u8..255, b in 1_u8..=255) {
            prop_assume!(a < b);
            let map = map_of(&starts);
            let slice = Slice::new(key(a), Some(key(b))).unwrap();
            let found: Vec<_> = map.overlapping(&slice).map(|(slice, _)| slice).collect();
            let expected: Vec<_> =
                map.iter().map(|(other, _)| other).filter(|other| other.intersection(&slice).is_some()).collect();
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn replacing_every_slice_by_another_map_gives_that_map(old in starts(), new in starts()) {
            let (old, new) = (map_of(&old), map_of(&new));
            let all = new.iter().map(|(slice, value)| (slice, *value)).collect();
            prop_assert_eq!(old.replaced(all), Some(new));
        }
    }

    #[test]
    fn a_change_that_cuts_through_a_slice_is_rejected() {
        let map = map_of(&[10, 20]);
        let within = Slice::new(key(12), Some(key(20))).unwrap();
        let across = Slice::new(key(10), Some(key(15))).unwrap();
        assert_eq!(map.replaced(vec![(within, 1)]), None);
        assert_eq!(map.replaced(vec![(across, 1)]), None);
    }

    #[test]
    fn a_gap_or_an_overlap_cannot_be_built() {
        assert_eq!(SliceMap::<u8>::try_from_starts(vec![]), Err(CoverError::Empty));
        let late = SliceMap::try_from_starts(vec![(key(1), 1)]);
        assert_eq!(late, Err(CoverError::Uncovered { start: key(1) }));
        let twice = SliceMap::try_from_starts(vec![(SliceKey::EMPTY, 0), (key(1), 1), (key(1), 2)]);
        assert!(matches!(twice, Err(CoverError::Unordered { .. })));
    }
}
