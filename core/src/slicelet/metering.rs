//! Metering: composes the load reports of a pod from its counts, samples and warm bytes.
//!
//! ```text
//! begin_collection --> hands take counts, sketches --> on_counted --> report
//!        publish   --> counts of the old ownership --> on_published
//! ```

use std::sync::Arc;
use std::time::Duration;

use super::metered_rate::FAST_HALF_LIFE;
use super::{Hottest, LoadMeter, Ownership};
use crate::load::{Load, LoadReport};
use crate::time::Timestamp;

/// Sketches of the hottest keys in each pod. A key always has the same one, so threads rarely contend for one.
pub const SKETCH_COUNT: usize = 8;
/// Keys in each sketch: no count is too high by more than 1/64 of the requests for its eighth of the keys.
pub const SKETCH_CAPACITY: usize = 64;
/// One request in this many is recorded in a sketch, and counts for as many. A power of two.
pub const SAMPLED_ONE_IN: u64 = 16;
/// Time after which the heat of a warm value counts half: requests of an hour ago predict little.
const HEAT_HALF_LIFE: Duration = Duration::from_secs(60);

/// Load counted since the previous counts were taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RangeCounts {
    /// Load units of each range of the ownership, by range number.
    pub units: Vec<u64>,
    /// When the counts were taken.
    pub taken_at: Timestamp,
}

/// The halvings that are due when counts are collected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Collection {
    /// Whether to halve the counts of the sketches before their snapshot is taken.
    pub halves_sketches: bool,
    /// Whether to halve the heat of warm values.
    pub cools_values: bool,
}

/// The load of one pod, from the counts of its hands.
///
/// Counts belong to the ownership under which they were made: when another one is published, the last counts of the old
/// one are recorded first.
#[derive(Debug, Clone)]
pub struct Metering {
    meter: LoadMeter,
    counted_at: Timestamp,
    halved_at: Timestamp,
    cooled_at: Timestamp,
}

impl Metering {
    /// A pod that owns nothing and starts to count at `now`.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self {
            meter: LoadMeter::new(Arc::new(Ownership::none())),
            counted_at: now,
            halved_at: now,
            cooled_at: now,
        }
    }

    /// Counts are collected at `now`; [`Metering::on_counted`] must follow.
    pub fn begin_collection(&mut self, now: Timestamp) -> Collection {
        Collection {
            halves_sketches: restart_if_over(&mut self.halved_at, FAST_HALF_LIFE, now),
            cools_values: restart_if_over(&mut self.cooled_at, HEAT_HALF_LIFE, now),
        }
    }

    /// Records the counts and the snapshots of the sketches.
    pub fn on_counted(&mut self, counts: &RangeCounts, sketches: &[Hottest]) {
        self.record(counts);
        self.meter.record_samples(sketches);
    }

    /// Records the last counts under the old ownership; later ones belong to the ranges of `ownership`.
    pub fn on_published(&mut self, counts: &RangeCounts, ownership: Arc<Ownership>) {
        self.record(counts);
        self.meter.follow(ownership);
    }

    /// Records the bytes that are warm in each range, by range number.
    pub fn on_weighed(&mut self, bytes: impl IntoIterator<Item = u64>) {
        self.meter.record_memory(bytes);
    }

    /// The load of the whole pod, by the rate with a half-life of 10 s.
    #[must_use]
    pub fn fast(&self) -> Load {
        self.meter.fast()
    }

    /// The load of the whole pod, by the rate with a half-life of 60 s.
    #[must_use]
    pub fn slow(&self) -> Load {
        self.meter.slow()
    }

    /// The message to the assigner.
    #[must_use]
    pub fn report(&self) -> LoadReport {
        self.meter.report()
    }

    fn record(&mut self, counts: &RangeCounts) {
        let elapsed = counts.taken_at.since(self.counted_at);
        self.counted_at = counts.taken_at;
        self.meter.record(counts.units.iter().copied(), elapsed);
    }
}

/// Restarts a period of that length at `now` if it is over.
fn restart_if_over(began_at: &mut Timestamp, length: Duration, now: Timestamp) -> bool {
    let is_over = now.since(*began_at) >= length;
    if is_over {
        *began_at = now;
    }
    is_over
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyspace::SliceKey;
    use crate::slicelet::fixtures::{ownership_after, served, whole_loads};

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(1_000 * seconds)
    }

    /// The ownership after `before` of a pod that serves the whole key space, split at these positions.
    fn ownership(before: &Ownership, split_points: &[u64]) -> Arc<Ownership> {
        let starts =
            std::iter::once(SliceKey::EMPTY).chain(split_points.iter().map(|point| SliceKey::from_position(*point)));
        ownership_after(before, starts.map(|start| (start, served())).collect())
    }

    fn counts(units: &[u64], taken_at: Timestamp) -> RangeCounts {
        let units = units.to_vec();
        RangeCounts { units, taken_at }
    }

    fn loads(metering: &Metering) -> Vec<u64> {
        whole_loads(&metering.report())
    }

    #[test]
    fn counts_belong_to_the_ownership_under_which_they_were_made() {
        let (mut metering, whole) = (Metering::new(at(0)), ownership(&Ownership::none(), &[]));
        metering.on_published(&counts(&[9], at(1)), Arc::clone(&whole));
        assert_eq!(loads(&metering), [0], "before, the pod owned nothing");
        let split = ownership(&whole, &[1 << 63]);
        metering.on_published(&counts(&[800], at(2)), split);
        assert_eq!(loads(&metering), [400, 400]);
        metering.on_counted(&counts(&[400, 400], at(3)), &[]);
        assert_eq!(loads(&metering), [400, 400]);
        metering.on_weighed([5, 7]);
        let memory: Vec<_> = metering.report().slices.iter().map(|share| share.memory).collect();
        assert_eq!(memory, [5, 7]);
    }

    #[test]
    fn sketches_are_halved_every_ten_seconds_and_values_cooled_every_minute() {
        let mut metering = Metering::new(at(0));
        let due = |metering: &mut Metering, seconds| {
            let collection = metering.begin_collection(at(seconds));
            (collection.halves_sketches, collection.cools_values)
        };
        for second in 1..=180 {
            let expected = (second % 10 == 0, second % 60 == 0);
            assert_eq!(due(&mut metering, second), expected, "at {second} s");
        }
        assert_eq!(due(&mut metering, 500), (true, true));
        assert_eq!(
            due(&mut metering, 501),
            (false, false),
            "what was missed is not made up for"
        );
    }
}
