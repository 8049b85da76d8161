//! The request sampler: records one request in 16 in the sketches of the hottest keys, without waiting.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, PoisonError, TryLockError};

use emberkeep_core::keyspace::SliceKey;
use emberkeep_core::slicelet::{Hottest, SAMPLED_ONE_IN, SKETCH_CAPACITY, SKETCH_COUNT};

/// Sketches of the hottest keys. A key always goes to the same sketch. One request in [`SAMPLED_ONE_IN`] is recorded; it is
/// dropped if another thread holds the lock of the sketch, so no request waits.
#[derive(Debug)]
pub(crate) struct RequestSampler {
    sketches: [Mutex<Hottest>; SKETCH_COUNT],
}

impl RequestSampler {
    pub(crate) fn new() -> Self {
        Self {
            sketches: std::array::from_fn(|_| Mutex::new(Hottest::with_capacity(SKETCH_CAPACITY))),
        }
    }

    /// Records `units` for the key if the request is sampled. `ordinal` grows with each request; multiplied by the golden
    /// ratio it is spread evenly, so that no regular pattern of keys coincides with the sampling.
    #[inline]
    pub(crate) fn sample(&self, key: &SliceKey, units: u64, ordinal: u64) {
        let spread = ordinal.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        if spread >> (u64::BITS - SAMPLED_ONE_IN.trailing_zeros()) == 0 {
            self.record(key, units.saturating_mul(SAMPLED_ONE_IN));
        }
    }

    /// Snapshots of the sketches for a collection of counts, after a halving if one is due.
    pub(crate) fn snapshot(&self, halves: bool) -> Vec<Hottest> {
        self.sketches
            .iter()
            .map(|sketch| {
                // Each method leaves a sketch consistent, so a poisoned lock does no harm.
                let mut sketch = sketch.lock().unwrap_or_else(PoisonError::into_inner);
                sketch.collect(halves)
            })
            .collect()
    }

    #[cold]
    fn record(&self, key: &SliceKey, units: u64) {
        // Unhashed keys may share their last bits and their first bytes.
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        let number = hasher.finish() as usize % SKETCH_COUNT;
        match self.sketches[number].try_lock() {
            Ok(mut sketch) => sketch.record(key, units),
            Err(TryLockError::Poisoned(sketch)) => sketch.into_inner().record(key, units),
            Err(TryLockError::WouldBlock) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_represent_requests_of_any_pattern() {
        let sampler = RequestSampler::new();
        // Every other request is for key 0: a sampler of each sixteenth request would see only one of the keys.
        for ordinal in 0..160_000 {
            sampler.sample(&SliceKey::from_position(8 * (ordinal % 2)), 1, ordinal);
        }
        let sketches = sampler.snapshot(false);
        let counts: Vec<_> = sketches
            .iter()
            .flat_map(|sketch| sketch.keys())
            .map(|hot| hot.count)
            .collect();
        assert_eq!(counts.len(), 2);
        assert!(counts.iter().all(|count| count.abs_diff(80_000) < 4_000), "{counts:?}");
    }

    #[test]
    fn similar_keys_are_spread_over_all_sketches() {
        let sampler = RequestSampler::new();
        for number in 0..64 {
            let key = SliceKey::try_new(format!("customer/{number}").as_bytes()).unwrap();
            sampler.record(&key, 1);
        }
        let counts: Vec<_> = sampler.snapshot(false).iter().map(Hottest::total).collect();
        assert!(counts.iter().all(|count| (1..=20).contains(count)), "{counts:?}");
    }
}
