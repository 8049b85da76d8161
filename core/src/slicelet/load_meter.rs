//! The load meter: counts by slice become rates, and slices keep their history when they are cut or joined.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

use super::{DecayedRate, Hottest, Ownership};
use crate::keyspace::{Slice, SliceKey, SliceMap};
use crate::load::{Load, LoadReport};

/// The half-life of the rate that sees an overload soon.
const FAST_HALF_LIFE: Duration = Duration::from_secs(10);
/// The half-life of the rate that is calm enough to guide placement.
const SLOW_HALF_LIFE: Duration = Duration::from_secs(60);
/// No more hot keys are reported than the balancer could ever tell apart.
const HOTTEST_COUNT_MAX: usize = 32;

/// The decayed load of each of a pod's slices.
#[derive(Debug, Clone)]
pub struct LoadMeter {
    ownership: Arc<Ownership>,
    /// As many as the ownership has ranges, by their number; a gap has nothing to measure.
    rates: Vec<Option<SliceRate>>,
    /// How long has been measured, up to what the slow rate still knows.
    measured: Duration,
    /// How much of the fast half-life has gone since the counts of the hottest keys were halved.
    since_halving: Duration,
}

#[derive(Debug, Clone)]
struct SliceRate {
    fast: DecayedRate,
    slow: DecayedRate,
}

impl LoadMeter {
    /// Nothing measured yet.
    #[must_use]
    pub fn new(ownership: Arc<Ownership>) -> Self {
        let mut meter = Self {
            ownership: Arc::clone(&ownership),
            rates: Vec::new(),
            measured: Duration::ZERO,
            since_halving: Duration::ZERO,
        };
        meter.rates = ownership
            .ranges()
            .values()
            .map(|share| share.map(|_| SliceRate::new()))
            .collect();
        meter
    }

    /// The pod goes by another ownership from now on. A part of a slice takes its part of the load, by width; slices
    /// that are joined add theirs.
    pub fn follow(&mut self, ownership: Arc<Ownership>) {
        let before = self.rates_by_slice();
        let after = ownership
            .ranges()
            .iter()
            .map(|(slice, share)| share.map(|_| inherited(&before, &slice)));
        self.rates = after.collect();
        self.ownership = ownership;
    }

    /// The ownership whose ranges are measured.
    #[must_use]
    pub const fn ownership(&self) -> &Arc<Ownership> {
        &self.ownership
    }

    /// Takes in what was counted in the last `elapsed`: the units of each range, by its number.
    pub fn record(&mut self, counts: impl IntoIterator<Item = u64>, elapsed: Duration) {
        for (rate, units) in self.rates.iter_mut().zip(counts) {
            if let Some(rate) = rate {
                rate.fast.record(units, elapsed);
                rate.slow.record(units, elapsed);
            }
        }
        self.measured = (self.measured + elapsed).min(SLOW_HALF_LIFE);
        self.since_halving += elapsed;
    }

    /// Whether another fast half-life has gone, so that the counts of the hottest keys are to be halved.
    pub fn takes_halving(&mut self) -> bool {
        let is_due = self.since_halving >= FAST_HALF_LIFE;
        if is_due {
            self.since_halving = Duration::ZERO;
        }
        is_due
    }

    /// The load of the whole pod, by the fast rate.
    #[must_use]
    pub fn fast(&self) -> Load {
        self.rates.iter().flatten().map(|rate| rate.fast.rate()).sum()
    }

    /// The load of the whole pod, by the slow rate.
    #[must_use]
    pub fn slow(&self) -> Load {
        self.rates.iter().flatten().map(|rate| rate.slow.rate()).sum()
    }

    /// What the assigner is told: the fast rate of each slice, and the hottest keys by their sure share of all counts.
    #[must_use]
    pub fn report<'a>(&self, hottest: impl IntoIterator<Item = &'a Hottest>) -> LoadReport {
        let slices = self.ownership.ranges().iter().zip(&self.rates);
        LoadReport {
            window: self.measured.min(FAST_HALF_LIFE),
            slices: slices
                .filter_map(|((slice, _), rate)| rate.as_ref().map(|rate| (slice, rate.fast.rate())))
                .collect(),
            hottest: self.hottest(hottest),
        }
    }

    fn hottest<'a>(&self, sketches: impl IntoIterator<Item = &'a Hottest>) -> Vec<(SliceKey, Load)> {
        let (mut keys, mut total) = (Vec::new(), 0_u128);
        for sketch in sketches {
            total += u128::from(sketch.total());
            keys.extend(sketch.keys());
        }
        let load = self.fast();
        let mut hottest: Vec<_> = keys
            .into_iter()
            .filter_map(|hot| {
                let (number, _) = self.ownership.share_of(&hot.key);
                let of_slice = self.rates[number].as_ref()?.fast.rate();
                let of_key = load.share(u128::from(hot.surely()), total).min(of_slice);
                (of_key > Load::ZERO).then(|| (hot.key.clone(), of_key))
            })
            .collect();
        hottest.sort_unstable_by(|(a, a_load), (b, b_load)| (Reverse(a_load), a).cmp(&(Reverse(b_load), b)));
        hottest.truncate(HOTTEST_COUNT_MAX);
        hottest
    }

    fn rates_by_slice(&self) -> SliceMap<Option<&SliceRate>> {
        let mut rates = self.rates.iter();
        self.ownership
            .ranges()
            .map(|_, _| rates.next().and_then(Option::as_ref))
    }
}

impl SliceRate {
    const fn new() -> Self {
        Self {
            fast: DecayedRate::new(FAST_HALF_LIFE),
            slow: DecayedRate::new(SLOW_HALF_LIFE),
        }
    }

    fn share(&self, numerator: u128, denominator: u128) -> Self {
        Self {
            fast: self.fast.share(numerator, denominator),
            slow: self.slow.share(numerator, denominator),
        }
    }

    fn plus(&self, other: &Self) -> Self {
        Self {
            fast: self.fast.plus(&other.fast),
            slow: self.slow.plus(&other.slow),
        }
    }
}

/// What a slice knows about its load from the slices that had its keys before.
fn inherited(before: &SliceMap<Option<&SliceRate>>, slice: &Slice) -> SliceRate {
    let parts = before.overlapping(slice).filter_map(|(old, rate)| {
        let common = old.intersection(slice)?;
        // A slice of one key has no width; whoever holds all of a slice has all of its load.
        let (part, whole) = if common == old {
            (1, 1)
        } else {
            (common.width(), old.width())
        };
        rate.map(|rate| rate.share(part, whole.max(1)))
    });
    parts.reduce(|all, part| all.plus(&part)).unwrap_or(SliceRate::new())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assignment::{Assignment, Phase, PodIndex, Proposal, ReplicaSet};
    use crate::pod::{Incarnation, Pod, PodAddress, PodName, Weight};
    use crate::slicelet::Identity;

    const SECOND: Duration = Duration::from_secs(1);

    /// The ownership of a pod that serves `[starts[0], starts[1])`, `[starts[1], starts[2])`, ... and nothing else.
    fn ownership(starts: &[u64]) -> Arc<Ownership> {
        let pod = Pod {
            name: PodName::try_new("pod").unwrap(),
            incarnation: Incarnation(1),
            address: PodAddress::try_new("127.0.0.1:80").unwrap(),
            zone: "".into(),
            weight: Weight::ONE,
        };
        let mut mine = ReplicaSet::none();
        mine.set(PodIndex(0), Phase::Serving);
        let mut entries = vec![(SliceKey::EMPTY, ReplicaSet::none())];
        entries.extend(
            starts
                .iter()
                .map(|start| (SliceKey::from_position(*start), mine.clone())),
        );
        entries.last_mut().unwrap().1 = ReplicaSet::none();
        let identity = Identity {
            name: pod.name.clone(),
            incarnation: pod.incarnation,
        };
        let proposal = Proposal {
            pods: vec![pod],
            slices: SliceMap::try_from_starts(entries).unwrap(),
        };
        let assignment = proposal.after(&Assignment::unassigned()).unwrap();
        Arc::new(Ownership::none().followed_by(Arc::new(assignment), &identity))
    }

    fn loads(meter: &LoadMeter) -> Vec<u64> {
        let report = meter.report([]);
        report
            .slices
            .iter()
            .map(|(_, load)| (load.milli() + 500) / 1_000)
            .collect()
    }

    #[test]
    fn every_slice_of_the_pod_is_reported_and_nothing_else() {
        let mut meter = LoadMeter::new(ownership(&[10, 20, 30]));
        // The gap before the first slice is number 0.
        meter.record([99, 700, 50, 99], SECOND);
        assert_eq!(loads(&meter), [700, 50]);
        assert_eq!(meter.report([]).window, SECOND);
    }

    #[test]
    fn a_slice_that_is_cut_passes_its_load_on_by_width() {
        let mut meter = LoadMeter::new(ownership(&[0, 100]));
        meter.record([0, 800], SECOND);
        meter.follow(ownership(&[0, 25, 100]));
        assert_eq!(loads(&meter), [200, 600]);
    }

    #[test]
    fn slices_that_are_joined_add_their_load() {
        let mut meter = LoadMeter::new(ownership(&[0, 40, 100]));
        meter.record([0, 300, 500], SECOND);
        meter.follow(ownership(&[0, 100]));
        assert_eq!(loads(&meter), [800]);
    }

    #[test]
    fn a_slice_that_is_new_to_the_pod_starts_at_nothing() {
        let mut meter = LoadMeter::new(ownership(&[0, 40]));
        meter.record([0, 300], SECOND);
        meter.follow(ownership(&[0, 40, 100]));
        assert_eq!(loads(&meter), [300, 0]);
        meter.record([0, 300, 70], SECOND);
        assert_eq!(loads(&meter), [300, 70]);
    }

    #[test]
    fn the_hottest_keys_come_first_and_never_with_more_than_their_slice() {
        let mut meter = LoadMeter::new(ownership(&[0, 40, 100]));
        meter.record([0, 300, 700], SECOND);
        let mut sketch = Hottest::with_capacity(8);
        for (position, count) in [(50, 40), (1, 50), (2, 10), (200, 100)] {
            sketch.record(&SliceKey::from_position(position), count);
        }
        let hottest = meter.report([&sketch]).hottest;
        let milli: Vec<_> = hottest
            .iter()
            .map(|(key, load)| (key.position(), load.milli() / 1_000))
            .collect();
        assert_eq!(
            milli,
            [(1, 250), (50, 200), (2, 50)],
            "the key at 200 belongs to others"
        );
    }
}
