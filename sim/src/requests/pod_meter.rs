//! A pod's meter: it counts requests as the slicelet does, and reports load.

use std::sync::Arc;

use emberkeep_core::assignment::Assignment;
use emberkeep_core::keyspace::SliceKey;
use emberkeep_core::load::LoadReport;
use emberkeep_core::slicelet::{Hottest, Identity, LoadMeter, Ownership};
use emberkeep_core::time::Timestamp;

use crate::cluster::{PLACES, SAMPLED_ONE_IN, SKETCH_COUNT};
use crate::random_stream::RandomStream;

/// Thousandths of a unit of load in a unit.
const MILLI_PER_UNIT: u64 = 1_000;

/// What one process of a pod measures.
pub(super) struct PodMeter {
    identity: Identity,
    ownership: Arc<Ownership>,
    meter: LoadMeter,
    /// What came for each range of the ownership and was not recorded yet, in thousandths of a unit.
    counted: Vec<u64>,
    sketches: Vec<Hottest>,
    recorded_at: Timestamp,
    chance: RandomStream,
}

impl PodMeter {
    /// It owns nothing and has counted nothing.
    pub(super) fn new(identity: Identity, chance: RandomStream, now: Timestamp) -> Self {
        let ownership = Arc::new(Ownership::none());
        Self {
            identity,
            meter: LoadMeter::new(Arc::clone(&ownership)),
            counted: vec![0; ownership.range_count()],
            ownership,
            sketches: vec![Hottest::with_capacity(PLACES); SKETCH_COUNT],
            recorded_at: now,
            chance,
        }
    }

    /// A request has come.
    pub(super) fn count(&mut self, position: u64, load_milli: u64) {
        let key = SliceKey::from_position(position);
        let counted = &mut self.counted[self.ownership.share_of(&key).0];
        *counted = counted.saturating_add(load_milli);
        if self.chance.below(SAMPLED_ONE_IN) == 0 {
            let load = u128::from(load_milli) * u128::from(SAMPLED_ONE_IN);
            let units = self.chance.rounded(load, u128::from(MILLI_PER_UNIT));
            self.sketches[position as usize % SKETCH_COUNT].record(&key, units);
        }
    }

    /// The values of keys at these positions are warm, each of so many bytes.
    pub(super) fn weigh(&mut self, positions: impl Iterator<Item = u64>, value_bytes: u64) {
        let mut bytes = vec![0; self.ownership.range_count()];
        for position in positions {
            bytes[self.ownership.share_of(&SliceKey::from_position(position)).0] += value_bytes;
        }
        self.meter.weighed(bytes);
    }

    /// What the assigner is told, once a second.
    pub(super) fn report(&mut self, now: Timestamp) -> LoadReport {
        self.record(now);
        if self.meter.takes_halving() {
            self.sketches.iter_mut().for_each(Hottest::halve);
        }
        self.meter.sampled(&self.sketches);
        self.sketches.iter_mut().for_each(Hottest::forget_recent);
        self.meter.report()
    }

    /// The pod goes by another assignment from now on.
    pub(super) fn follow(&mut self, assignment: &Arc<Assignment>, now: Timestamp) {
        self.record(now);
        self.ownership = Arc::new(self.ownership.followed_by(Arc::clone(assignment), &self.identity));
        self.meter.follow(Arc::clone(&self.ownership));
        self.counted = vec![0; self.ownership.range_count()];
    }

    /// What is no whole unit yet stays.
    fn record(&mut self, now: Timestamp) {
        let elapsed = now.since(self.recorded_at);
        self.recorded_at = now;
        let units = self.counted.iter_mut().map(|counted| {
            let units = *counted / MILLI_PER_UNIT;
            *counted %= MILLI_PER_UNIT;
            units
        });
        self.meter.record(units.collect::<Vec<_>>(), elapsed);
    }
}
