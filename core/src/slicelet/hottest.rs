//! The hottest keys, in fixed memory.

use crate::keyspace::SliceKey;

/// A key that may be hot, with how often it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HotKey {
    /// The key.
    pub key: SliceKey,
    /// The most it can have been seen.
    pub count: u64,
    /// How much of the count may belong to keys whose place it took.
    pub error: u64,
}

impl HotKey {
    /// The least it has been seen.
    #[must_use]
    pub const fn surely(&self) -> u64 {
        self.count - self.error
    }
}

/// Space-saving (Metwally, Agrawal, El Abbadi: "Efficient Computation of Frequent and Top-k Elements in Data
/// Streams", 2005): `capacity` places, each with a key and its count; a new key takes the place of the rarest and
/// inherits its count as error.
///
/// With `total` counted, each key seen more than `total / capacity` times has a place, and no count is too high by
/// more than `total / capacity`. [`Hottest::halve`] halves everything, total and errors too, so the bound keeps
/// holding for the decayed counts, but for one for each halving.
#[derive(Debug, Clone)]
pub struct Hottest {
    places: Vec<HotKey>,
    capacity: usize,
    total: u64,
}

impl Hottest {
    /// Nothing counted yet. At least one place.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        let capacity = capacity.max(1);
        Self {
            places: Vec::with_capacity(capacity),
            capacity,
            total: 0,
        }
    }

    /// The key was seen `count` times.
    pub fn record(&mut self, key: &SliceKey, count: u64) {
        self.total = self.total.saturating_add(count);
        if let Some(place) = self.places.iter_mut().find(|place| place.key == *key) {
            place.count = place.count.saturating_add(count);
        } else if self.places.len() < self.capacity {
            self.places.push(HotKey {
                key: key.clone(),
                count,
                error: 0,
            });
        } else {
            self.replace_rarest(key, count);
        }
    }

    /// All that was counted, of every key.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// The keys that have a place, in no order.
    #[must_use]
    pub fn keys(&self) -> &[HotKey] {
        &self.places
    }

    /// Lets the past count half; a key that comes to nothing loses its place.
    pub fn halve(&mut self) {
        self.total /= 2;
        for place in &mut self.places {
            place.count /= 2;
            place.error /= 2;
        }
        self.places.retain(|place| place.count > 0);
    }

    fn replace_rarest(&mut self, key: &SliceKey, count: u64) {
        let rarest = self.places.iter_mut().min_by_key(|place| place.count);
        let rarest = rarest.expect("there is at least one place, and all are taken");
        *rarest = HotKey {
            key: key.clone(),
            count: rarest.count.saturating_add(count),
            error: rarest.count,
        };
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    const CAPACITY: usize = 4;

    fn key(number: u8) -> SliceKey {
        SliceKey::from_position(number.into())
    }

    proptest! {
        #[test]
        fn the_error_is_within_its_bound(seen in prop::collection::vec((0_u8..12, 1_u64..20), 0..200)) {
            let mut hottest = Hottest::with_capacity(CAPACITY);
            let mut truth: BTreeMap<u8, u64> = BTreeMap::new();
            for (number, count) in seen {
                hottest.record(&key(number), count);
                *truth.entry(number).or_default() += count;
            }
            let bound = hottest.total() / CAPACITY as u64;
            for (number, count) in truth {
                match hottest.keys().iter().find(|hot| hot.key == key(number)) {
                    Some(hot) => prop_assert!(hot.surely() <= count && count <= hot.count && hot.error <= bound),
                    None => prop_assert!(count <= bound, "{} seen {} of {}", number, count, hottest.total()),
                }
            }
        }

        #[test]
        fn memory_stays_fixed(seen in prop::collection::vec(any::<u8>(), 0..500)) {
            let mut hottest = Hottest::with_capacity(CAPACITY);
            seen.iter().for_each(|number| hottest.record(&key(*number), 1));
            prop_assert!(hottest.keys().len() <= CAPACITY);
        }
    }

    #[test]
    fn what_is_no_longer_used_is_forgotten() {
        let mut hottest = Hottest::with_capacity(CAPACITY);
        hottest.record(&key(1), 5);
        (0..3).for_each(|_| hottest.halve());
        assert!(hottest.keys().is_empty());
        assert_eq!(hottest.total(), 0);
    }
}
