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
    /// How much of it was counted since the recent was last forgotten: exact, nothing is inherited.
    pub recent: u64,
    /// How many samples of it there were since it has its place.
    pub sample_count: u64,
}

impl HotKey {
    /// The least it has been seen.
    #[must_use]
    pub const fn surely(&self) -> u64 {
        self.count - self.error
    }

    const fn without_samples(key: SliceKey, error: u64) -> Self {
        Self {
            key,
            count: error,
            error,
            recent: 0,
            sample_count: 0,
        }
    }

    const fn add(&mut self, count: u64, sample_count: u64) {
        self.count = self.count.saturating_add(count);
        self.recent = self.recent.saturating_add(count);
        self.sample_count = self.sample_count.saturating_add(sample_count);
    }
}

/// Space-saving (Metwally, Agrawal, El Abbadi: "Efficient Computation of Frequent and Top-k Elements in Data
/// Streams", 2005): `capacity` places, each with a key and its count; a new key takes the place of the rarest and
/// inherits its count as error.
///
/// With `total` counted, each key seen more than `total / capacity` times has a place, and no count is too high by
/// more than `total / capacity`. [`Hottest::halve`] halves everything, total and errors too, so the bound keeps
/// holding for the decayed counts, but for one for each halving.
#[derive(Debug, Clone, PartialEq, Eq)]
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

    /// The key was seen `count` times, which one sample told.
    pub fn record(&mut self, key: &SliceKey, count: u64) {
        self.record_many(key, count, 1);
    }

    /// The key was seen `count` times, which so many samples told.
    pub fn record_many(&mut self, key: &SliceKey, count: u64, sample_count: u64) {
        self.total = self.total.saturating_add(count);
        self.place_of(key).add(count, sample_count);
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

    /// The most a key without a place can have been seen.
    #[must_use]
    pub fn absent_max(&self) -> u64 {
        let is_full = self.places.len() == self.capacity;
        let rarest = self.places.iter().map(|place| place.count).min();
        rarest.filter(|_| is_full).unwrap_or_default()
    }

    /// What is counted from here on is recent.
    pub fn forget_recent(&mut self) {
        self.places.iter_mut().for_each(|place| place.recent = 0);
    }

    /// A copy for a collection of counts, halved before if that is due. What is counted from here on is recent.
    #[must_use]
    pub fn collect(&mut self, halves: bool) -> Self {
        if halves {
            self.halve();
        }
        let snapshot = self.clone();
        self.forget_recent();
        snapshot
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

    /// The place that the key has, or gets.
    fn place_of(&mut self, key: &SliceKey) -> &mut HotKey {
        let found = self.places.iter().position(|place| place.key == *key);
        let at = match found {
            Some(at) => at,
            None if self.places.len() < self.capacity => {
                self.places.push(HotKey::without_samples(key.clone(), 0));
                self.places.len() - 1
            }
            None => {
                let rarest = (0..self.places.len()).min_by_key(|at| self.places[*at].count);
                let rarest = rarest.expect("there is at least one place, and all are taken");
                self.places[rarest] = HotKey::without_samples(key.clone(), self.places[rarest].count);
                rarest
            }
        };
        &mut self.places[at]
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
                    None => prop_assert!(count <= hottest.absent_max() && hottest.absent_max() <= bound),
                }
            }
        }

        #[test]
        fn what_is_recent_is_exact_for_a_key_that_keeps_its_place(
            before in prop::collection::vec(1_u64..9, 0..9),
            after in prop::collection::vec(1_u64..9, 0..9),
        ) {
            let mut hottest = Hottest::with_capacity(CAPACITY);
            hottest.record(&key(1), 1_000);
            before.iter().for_each(|count| hottest.record(&key(1), *count));
            hottest.forget_recent();
            hottest.halve();
            for (number, count) in (2..).zip(&after) {
                hottest.record(&key(1), *count);
                hottest.record(&key(number), 1);
            }
            let hot = hottest.keys().iter().find(|hot| hot.key == key(1)).unwrap();
            prop_assert_eq!(hot.recent, after.iter().sum::<u64>());
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
