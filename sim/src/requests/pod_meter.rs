//! The meter of a pod: counts requests as the slicelet does, and reports load by core's `Metering`.

use std::sync::Arc;

use emberkeep_core::assignment::Assignment;
use emberkeep_core::keyspace::SliceKey;
use emberkeep_core::load::LoadReport;
use emberkeep_core::slicelet::{Identity, Metering, Ownership, RangeCounts, SAMPLED_ONE_IN};
use emberkeep_core::time::Timestamp;

use crate::random_stream::RandomStream;
use crate::sketches::Sketches;

/// Thousandths of a unit in a unit of load.
const MILLI_PER_UNIT: u64 = 1_000;

/// The counts of one incarnation of a pod.
pub(super) struct PodMeter {
    identity: Identity,
    ownership: Arc<Ownership>,
    metering: Metering,
    /// The load of each range that was not taken yet, in thousandths of a unit.
    counted: Vec<u64>,
    sketches: Sketches,
    random: RandomStream,
}

impl PodMeter {
    /// A pod that owns nothing.
    pub(super) fn new(identity: Identity, random: RandomStream, now: Timestamp) -> Self {
        let ownership = Arc::new(Ownership::none());
        Self {
            identity,
            metering: Metering::new(now),
            counted: vec![0; ownership.range_count()],
            ownership,
            sketches: Sketches::new(),
            random,
        }
    }

    /// Counts a request, and samples it at random.
    pub(super) fn count(&mut self, position: u64, load_milli: u64) {
        let key = SliceKey::from_position(position);
        let counted = &mut self.counted[self.ownership.share_of(&key).0];
        *counted = counted.saturating_add(load_milli);
        if self.random.below(SAMPLED_ONE_IN) == 0 {
            let load = u128::from(load_milli) * u128::from(SAMPLED_ONE_IN);
            let units = self.random.rounded(load, u128::from(MILLI_PER_UNIT));
            self.sketches.record(position, units, 1);
        }
    }

    /// Records that the values of keys at these positions are warm, each of that many bytes.
    pub(super) fn weigh(&mut self, positions: impl Iterator<Item = u64>, value_bytes: u64) {
        let mut bytes = vec![0; self.ownership.range_count()];
        for position in positions {
            bytes[self.ownership.share_of(&SliceKey::from_position(position)).0] += value_bytes;
        }
        self.metering.on_weighed(bytes);
    }

    /// The load report at `now`; once a second.
    pub(super) fn report(&mut self, now: Timestamp) -> LoadReport {
        let halves = self.metering.begin_collection(now).halves_sketches;
        let counts = self.take_counts(now);
        self.metering.on_counted(&counts, &self.sketches.snapshot(halves));
        self.metering.report()
    }

    /// The pod follows another assignment from `now` on.
    pub(super) fn follow(&mut self, assignment: &Arc<Assignment>, now: Timestamp) {
        let counts = self.take_counts(now);
        self.ownership = Arc::new(self.ownership.followed_by(Arc::clone(assignment), &self.identity));
        self.metering.on_published(&counts, Arc::clone(&self.ownership));
        self.counted = vec![0; self.ownership.range_count()];
    }

    /// Takes whole units; fractions stay for the next time.
    fn take_counts(&mut self, now: Timestamp) -> RangeCounts {
        let units = self.counted.iter_mut().map(|counted| {
            let units = *counted / MILLI_PER_UNIT;
            *counted %= MILLI_PER_UNIT;
            units
        });
        RangeCounts {
            units: units.collect(),
            taken_at: now,
        }
    }
}
