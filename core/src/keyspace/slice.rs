//! Slices: contiguous ranges of slice keys.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::SliceKey;

/// The range `[start, end)` of slice keys, never empty; without `end` it reaches to the end of the key space.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Slice {
    start: SliceKey,
    end: Option<SliceKey>,
}

impl Slice {
    /// The whole key space.
    pub const FULL: Slice = Slice {
        start: SliceKey::EMPTY,
        end: None,
    };

    /// The slice `[start, end)`; `None` if it would be empty.
    #[must_use]
    pub fn new(start: SliceKey, end: Option<SliceKey>) -> Option<Self> {
        match &end {
            Some(end) if *end <= start => None,
            Some(_) | None => Some(Self { start, end }),
        }
    }

    /// The smallest key of the slice.
    #[must_use]
    pub const fn start(&self) -> &SliceKey {
        &self.start
    }

    /// The first key after the slice; `None` if it reaches to the end of the key space.
    #[must_use]
    pub const fn end(&self) -> Option<&SliceKey> {
        self.end.as_ref()
    }

    /// Whether the key lies in the slice.
    #[must_use]
    pub fn contains(&self, key: &SliceKey) -> bool {
        self.start <= *key && self.end.as_ref().is_none_or(|end| key < end)
    }

    /// The keys that are in both slices.
    #[must_use]
    pub fn intersection(&self, other: &Slice) -> Option<Slice> {
        let start = self.start.clone().max(other.start.clone());
        let end = match (&self.end, &other.end) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (one, None) | (None, one) => one.as_ref(),
        };
        Slice::new(start, end.cloned())
    }

    /// The parts before and after the intersection with `other`; the whole slice if that is empty.
    #[must_use]
    pub fn without(&self, other: &Slice) -> [Option<Slice>; 2] {
        if self.intersection(other).is_none() {
            return [Some(self.clone()), None];
        }
        let before = Slice::new(self.start.clone(), Some(other.start.clone()));
        let after = other.end.clone().and_then(|end| Slice::new(end, self.end.clone()));
        [before, after]
    }

    /// Whether the slice holds exactly one key.
    #[must_use]
    pub fn holds_one_key(&self) -> bool {
        let is_narrow = |end: &SliceKey| end.position() == self.start.position();
        let end = self.end.as_ref().filter(|end| is_narrow(end));
        end.is_some_and(|end| self.start.successor().as_ref() == Some(end))
    }

    /// The width of the slice in 8-byte positions; the whole key space has 2^64.
    #[must_use]
    pub fn width(&self) -> u128 {
        let end = self.end.as_ref().map_or(1 << 64, |end| u128::from(end.position()));
        end - u128::from(self.start.position())
    }

    /// The key that halves the slice by position; `None` if no 8-byte key lies inside it.
    #[must_use]
    pub fn middle(&self) -> Option<SliceKey> {
        let position = u128::from(self.start.position()) + self.width() / 2;
        let middle = SliceKey::from_position(u64::try_from(position).ok()?);
        (self.start < middle && self.contains(&middle)).then_some(middle)
    }

    /// The parts before `key` and from `key` on; `None` if one would be empty.
    #[must_use]
    pub fn split_at(&self, key: &SliceKey) -> Option<(Slice, Slice)> {
        (self.start < *key && self.contains(key)).then(|| {
            let left = Slice {
                start: self.start.clone(),
                end: Some(key.clone()),
            };
            let right = Slice {
                start: key.clone(),
                end: self.end.clone(),
            };
            (left, right)
        })
    }
}

impl fmt::Display for Slice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.end {
            Some(end) => write!(f, "[{}, {end})", self.start),
            None => write!(f, "[{}, inf)", self.start),
        }
    }
}

impl fmt::Debug for Slice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(bytes: &[u8]) -> SliceKey {
        SliceKey::try_new(bytes).unwrap()
    }

    #[test]
    fn a_slice_is_never_empty() {
        assert_eq!(Slice::new(key(b"b"), Some(key(b"b"))), None);
        assert_eq!(Slice::new(key(b"b"), Some(key(b"a"))), None);
    }

    #[test]
    fn one_key_alone_is_a_slice_that_cannot_be_halved() {
        let alone = Slice::new(key(b"hot"), key(b"hot").successor()).unwrap();
        assert!(alone.contains(&key(b"hot")));
        assert!(!alone.contains(&key(b"hot\0")));
        assert_eq!(alone.middle(), None);
    }

    #[test]
    fn halves_meet_in_the_middle() {
        let middle = Slice::FULL.middle().unwrap();
        assert_eq!(middle, SliceKey::from_position(1 << 63));
        let (left, right) = Slice::FULL.split_at(&middle).unwrap();
        assert_eq!(left.width(), right.width());
        assert_eq!(left.intersection(&right), None);
        assert_eq!(left.intersection(&Slice::FULL), Some(left));
    }
}
