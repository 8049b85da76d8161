//! The values that a pod keeps warm.

use std::hash::{BuildHasherDefault, Hasher};

use quick_cache::unsync::{Cache, DefaultLifecycle};
use quick_cache::{OptionsBuilder, Weighter};

use crate::load_trace::KeyId;

/// The keys whose values are warm, in the cache that the slicelet has, by the same rule of what goes first.
pub(super) struct WarmValues {
    entries: Cache<KeyId, (), OneSize, BuildHasherDefault<Spread>, DefaultLifecycle<KeyId, ()>>,
}

/// What the slicelet expects of a value.
const EXPECTED_VALUE_BYTES: u64 = 1 << 10;

impl WarmValues {
    /// None yet, and room for so many bytes of values of one size.
    pub(super) fn new(room_bytes: u64, value_bytes: u64) -> Self {
        let options = OptionsBuilder::new()
            .weight_capacity(room_bytes)
            .estimated_items_capacity(usize::try_from(room_bytes / EXPECTED_VALUE_BYTES).unwrap_or(usize::MAX))
            .build()
            .expect("both capacities are set");
        Self {
            entries: Cache::with_options(
                options,
                OneSize(value_bytes),
                BuildHasherDefault::default(),
                DefaultLifecycle::default(),
            ),
        }
    }

    /// A request asks for a key. Answers whether it was warm; from now on it is.
    pub(super) fn ask(&mut self, key: KeyId) -> bool {
        let is_warm = self.entries.get(&key).is_some();
        if !is_warm {
            self.entries.insert(key, ());
        }
        is_warm
    }

    /// The keys whose values are warm, in no order.
    pub(super) fn keys(&self) -> impl Iterator<Item = KeyId> {
        self.entries.iter().map(|(key, ())| *key)
    }

    /// Forgets every value whose key is not kept.
    pub(super) fn retain(&mut self, is_kept: impl Fn(KeyId) -> bool) {
        self.entries.retain(|key, ()| is_kept(*key));
    }
}

/// All values take the same.
#[derive(Debug, Clone, Copy)]
struct OneSize(u64);

impl Weighter<KeyId, ()> for OneSize {
    fn weight(&self, _: &KeyId, (): &()) -> u64 {
        self.0
    }
}

/// Spreads numbers of keys, the same in every run.
#[derive(Debug, Clone, Copy, Default)]
struct Spread(u64);

impl Hasher for Spread {
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
    fn a_value_is_warm_once_it_was_asked_for_until_it_is_forgotten() {
        let mut warm = WarmValues::new(40, 4);
        let asked = [1, 2, 1, 2].map(|key| warm.ask(KeyId(key)));
        assert_eq!(asked, [false, false, true, true]);
        warm.retain(|key| key == KeyId(2));
        assert_eq!([1, 2].map(|key| warm.ask(KeyId(key))), [false, true]);
    }

    #[test]
    fn no_more_values_are_warm_than_there_is_room_for() {
        let mut warm = WarmValues::new(100 * 4_096, 4_096);
        for key in 0..1_000 {
            warm.ask(KeyId(key));
        }
        assert_eq!((warm.entries.len(), warm.entries.weight()), (100, 100 * 4_096));
    }
}
