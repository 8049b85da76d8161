//! The hottest keys, in fixed memory.

use crate::keyspace::SliceKey;

/// A key with a counter in a sketch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HotKey {
    /// The key that has the counter.
    pub key: SliceKey,
    /// Upper bound of its requests.
    pub count: u64,
    /// The part of the count that may belong to keys whose counter it took over.
    pub error: u64,
    /// Requests since the last collection: exact, nothing of it is inherited.
    pub recent: u64,
    /// Samples since the key has its counter.
    pub sample_count: u64,
}

impl HotKey {
    /// Lower bound of its requests.
    #[must_use]
    pub const fn count_min(&self) -> u64 {
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
/// Streams", 2005): `capacity` counters, each of one key; a new key takes over the lowest counter and inherits its count
/// as error.
///
/// With `total` counted, each key seen more than `total / capacity` times has a counter, and no count is too high by more
/// than `total / capacity`. [`Hottest::halve`] halves total, counts and errors, so the bound also holds for the decayed
/// counts, but for one request per halving.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hottest {
    counters: Vec<HotKey>,
    capacity: usize,
    total: u64,
}

impl Hottest {
    /// An empty sketch with at least one counter.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        let capacity = capacity.max(1);
        Self {
            counters: Vec::with_capacity(capacity),
            capacity,
            total: 0,
        }
    }

    /// Records one sample of the key, which represents `count` requests.
    pub fn record(&mut self, key: &SliceKey, count: u64) {
        self.record_many(key, count, 1);
    }

    /// Records `sample_count` samples of the key, which together represent `count` requests.
    pub fn record_many(&mut self, key: &SliceKey, count: u64, sample_count: u64) {
        self.total = self.total.saturating_add(count);
        self.counter_of(key).add(count, sample_count);
    }

    /// The requests counted, of all keys.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// The keys that have a counter, in no order.
    #[must_use]
    pub fn keys(&self) -> &[HotKey] {
        &self.counters
    }

    /// Upper bound of the requests of a key without a counter.
    #[must_use]
    pub fn absent_max(&self) -> u64 {
        let is_full = self.counters.len() == self.capacity;
        let rarest = self.counters.iter().map(|counter| counter.count).min();
        rarest.filter(|_| is_full).unwrap_or_default()
    }

    /// Starts the recent counts over.
    pub fn forget_recent(&mut self) {
        self.counters.iter_mut().for_each(|counter| counter.recent = 0);
    }

    /// The snapshot for a collection of counts, after a halving if one is due; starts the recent counts over.
    #[must_use]
    pub fn collect(&mut self, halves: bool) -> Self {
        if halves {
            self.halve();
        }
        let snapshot = self.clone();
        self.forget_recent();
        snapshot
    }

    /// Halves all counts; a key whose count becomes zero loses its counter.
    pub fn halve(&mut self) {
        self.total /= 2;
        for counter in &mut self.counters {
            counter.count /= 2;
            counter.error /= 2;
        }
        self.counters.retain(|counter| counter.count > 0);
    }

    /// The counter of the key, which it may take over.
    fn counter_of(&mut self, key: &SliceKey) -> &mut HotKey {
        let found = self.counters.iter().position(|counter| counter.key == *key);
        let at = match found {
            Some(at) => at,
            None if self.counters.len() < self.capacity => {
                self.counters.push(HotKey::without_samples(key.clone(), 0));
                self.counters.len() - 1
            }
            None => {
                let rarest = (0..self.counters.len()).min_by_key(|at| self.counters[*at].count);
                let rarest = rarest.expect("there is at least one counter, and all are taken");
                self.counters[rarest] = HotKey::without_samples(key.clone(), self.counters[rarest].count);
                rarest
            }
        };
        &mut self.counters[at]
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
                    Some(hot) => prop_assert!(hot.count_min() <= count && count <= hot.count && hot.error <= bound),
                    None => prop_assert!(count <= hottest.absent_max() && hottest.absent_max() <= bound),
                }
            }
        }

        #[test]
        fn recent_counts_are_exact_for_a_key_that_keeps_its_counter(
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
    fn a_key_without_requests_is_forgotten() {
        let mut hottest = Hottest::with_capacity(CAPACITY);
        hottest.record(&key(1), 5);
        (0..3).for_each(|_| hottest.halve());
        assert!(hottest.keys().is_empty());
        assert_eq!(hottest.total(), 0);
    }
}
