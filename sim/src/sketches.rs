//! The sketches of the hottest keys in a simulated pod: those of a slicelet, without its locks.

use emberkeep_core::keyspace::SliceKey;
use emberkeep_core::slicelet::{Hottest, SKETCH_CAPACITY, SKETCH_COUNT};

/// Sketches of the hottest keys. A key always goes to the same sketch.
#[derive(Debug)]
pub(crate) struct Sketches(Vec<Hottest>);

impl Sketches {
    pub(crate) fn new() -> Self {
        Self(vec![Hottest::with_capacity(SKETCH_CAPACITY); SKETCH_COUNT])
    }

    /// Records `sample_count` samples of the key at that position, which together represent `units`.
    pub(crate) fn record(&mut self, position: u64, units: u64, sample_count: u64) {
        let key = SliceKey::from_position(position);
        self.0[position as usize % SKETCH_COUNT].record_many(&key, units, sample_count);
    }

    /// Snapshots for a collection of counts, after a halving if one is due.
    pub(crate) fn snapshot(&mut self, halves: bool) -> Vec<Hottest> {
        self.0.iter_mut().map(|sketch| sketch.collect(halves)).collect()
    }
}
