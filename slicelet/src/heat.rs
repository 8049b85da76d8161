//! Heat: which keys are asked for most, at next to no cost.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, PoisonError, TryLockError};

use emberkeep_core::keyspace::SliceKey;
use emberkeep_core::slicelet::{Hottest, SAMPLED_ONE_IN, SKETCH_CAPACITY, SKETCH_COUNT};

/// Sketches of the hottest keys: a key always goes to the same one, one request in [`SAMPLED_ONE_IN`] is recorded, and
/// not even that one while another thread is at the same sketch. So no request ever waits.
#[derive(Debug)]
pub(crate) struct Heat {
    sketches: [Mutex<Hottest>; SKETCH_COUNT],
}

impl Heat {
    pub(crate) fn new() -> Self {
        Self {
            sketches: std::array::from_fn(|_| Mutex::new(Hottest::with_capacity(SKETCH_CAPACITY))),
        }
    }

    /// Counts `units` for the key if the request is one to be sampled. `ordinal` is a number that grows with each
    /// request; multiplied by the golden ratio it spreads evenly and falls in step with no pattern of keys.
    #[inline]
    pub(crate) fn sample(&self, key: &SliceKey, units: u64, ordinal: u64) {
        let spread = ordinal.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        if spread >> (u64::BITS - SAMPLED_ONE_IN.trailing_zeros()) == 0 {
            self.record(key, units.saturating_mul(SAMPLED_ONE_IN));
        }
    }

    /// Takes a copy of the sketches, in which is recent what was counted since the last one; halves their counts if so
    /// much time has gone.
    pub(crate) fn snapshot(&self, halves: bool) -> Vec<Hottest> {
        self.sketches
            .iter()
            .map(|sketch| {
                // A sketch is whole after each of its methods, even if a holder panicked.
                let mut sketch = sketch.lock().unwrap_or_else(PoisonError::into_inner);
                sketch.collect(halves)
            })
            .collect()
    }

    #[cold]
    fn record(&self, key: &SliceKey, units: u64) {
        // Keys that are not hashed may all have the same last bits, and the same first bytes.
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
    fn a_sample_stands_for_all_requests_whatever_their_pattern() {
        let heat = Heat::new();
        // Every other request is for key 0: a sampler that took each sixteenth would see it always or never.
        for ordinal in 0..160_000 {
            heat.sample(&SliceKey::from_position(8 * (ordinal % 2)), 1, ordinal);
        }
        let sketches = heat.snapshot(false);
        let counts: Vec<_> = sketches
            .iter()
            .flat_map(|sketch| sketch.keys())
            .map(|hot| hot.count)
            .collect();
        assert_eq!(counts.len(), 2);
        assert!(counts.iter().all(|count| count.abs_diff(80_000) < 4_000), "{counts:?}");
    }

    #[test]
    fn keys_that_differ_in_a_few_letters_go_to_all_sketches() {
        let heat = Heat::new();
        for number in 0..64 {
            let key = SliceKey::try_new(format!("customer/{number}").as_bytes()).unwrap();
            heat.record(&key, 1);
        }
        let counts: Vec<_> = heat.snapshot(false).iter().map(Hottest::total).collect();
        assert!(counts.iter().all(|count| (1..=20).contains(count)), "{counts:?}");
    }
}
