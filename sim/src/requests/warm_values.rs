//! The warm values of a simulated pod.

use std::hash::{BuildHasherDefault, Hasher};

use quick_cache::unsync::{Cache, DefaultLifecycle};
use quick_cache::{OptionsBuilder, Weighter};

use crate::load_trace::KeyId;

/// The keys whose values are warm, in the same cache as the slicelet's, with the same eviction.
pub(super) struct WarmValues {
    entries: Cache<KeyId, (), EqualWeight, BuildHasherDefault<KeyIdHasher>, DefaultLifecycle<KeyId, ()>>,
}

/// The mean value size that the slicelet's cache expects.
const EXPECTED_VALUE_BYTES: u64 = 1 << 10;

impl WarmValues {
    /// An empty cache of that capacity, for values of one size.
    pub(super) fn new(room_bytes: u64, value_bytes: u64) -> Self {
        let options = OptionsBuilder::new()
            .weight_capacity(room_bytes)
            .estimated_items_capacity(usize::try_from(room_bytes / EXPECTED_VALUE_BYTES).unwrap_or(usize::MAX))
            .build()
            .expect("both capacities are set");
        Self {
            entries: Cache::with_options(
                options,
                EqualWeight(value_bytes),
                BuildHasherDefault::default(),
                DefaultLifecycle::default(),
            ),
        }
    }

    /// Looks a key up and inserts it if it is absent; returns whether it was present.
    pub(super) fn request(&mut self, key: KeyId) -> bool {
        let is_warm = self.entries.get(&key).is_some();
        if !is_warm {
            self.entries.insert(key, ());
        }
        is_warm
    }

    /// The warm keys, in no order.
    pub(super) fn keys(&self) -> impl Iterator<Item = KeyId> {
        self.entries.iter().map(|(key, ())| *key)
    }

    /// Removes the keys that are not kept.
    pub(super) fn retain(&mut self, is_kept: impl Fn(KeyId) -> bool) {
        self.entries.retain(|key, ()| is_kept(*key));
    }
}

/// The same weight for all values.
#[derive(Debug, Clone, Copy)]
struct EqualWeight(u64);

impl Weighter<KeyId, ()> for EqualWeight {
    fn weight(&self, _: &KeyId, (): &()) -> u64 {
        self.0
    }
}

/// Hashes key numbers, the same in every run.
#[derive(Debug, Clone, Copy, Default)]
struct KeyIdHasher(u64);

impl Hasher for KeyIdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = xxhash_rust::xxh64::xxh64(bytes, self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_warm_from_its_first_request_until_it_is_removed() {
        let mut warm = WarmValues::new(40, 4);
        let asked = [1, 2, 1, 2].map(|key| warm.request(KeyId(key)));
        assert_eq!(asked, [false, false, true, true]);
        warm.retain(|key| key == KeyId(2));
        assert_eq!([1, 2].map(|key| warm.request(KeyId(key))), [false, true]);
    }

    #[test]
    fn no_more_values_are_warm_than_fit() {
        let mut warm = WarmValues::new(100 * 4_096, 4_096);
        for key in 0..1_000 {
            warm.request(KeyId(key));
        }
        assert_eq!((warm.entries.len(), warm.entries.weight()), (100, 100 * 4_096));
    }
}
