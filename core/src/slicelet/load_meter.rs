//! The load meter: turns counts by range into rates, and keeps the history of slices that are split or merged.

use std::cell::LazyCell;
use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::hot_keys::HotKeys;
use super::metered_rate::{CountInterval, INFERRED, MeteredRate, SLOW_HALF_LIFE};
use super::split_hints::split_hints;
use super::{Hottest, Ownership, Share};
use crate::keyspace::{Slice, SliceKey, SliceMap};
use crate::load::{Demand, KeyLoad, Load, LoadReport, SliceLoad, load_map_of};

/// The most hot keys in a report; the balancer isolates fewer.
const HOTTEST_COUNT_MAX: usize = 32;

/// The decayed load of each slice that a pod serves, and of its hottest keys.
#[derive(Debug, Clone)]
pub struct LoadMeter {
    ownership: Arc<Ownership>,
    /// By range number; `None` where the pod serves nothing.
    shares: Vec<Option<ShareLoad>>,
    hot_keys: HotKeys,
    since_sampled: Duration,
}

/// The measured load of the pod's share in a slice.
#[derive(Debug, Clone)]
struct ShareLoad {
    rate: MeteredRate,
    /// How long the share has been measured, at most the half-life of the slow rate.
    window: Duration,
    memory: u64,
    replicas: u32,
}

impl LoadMeter {
    /// A meter without counts.
    #[must_use]
    pub fn new(ownership: Arc<Ownership>) -> Self {
        let shares = ownership
            .ranges()
            .values()
            .map(|share| served(*share).map(ShareLoad::new));
        Self {
            shares: shares.collect(),
            ownership,
            hot_keys: HotKeys::default(),
            since_sampled: Duration::ZERO,
        }
    }

    /// The counts belong to `ownership` from now on. A slice that is split passes its load on to its parts, by hot keys, split hints
    /// and width; slices that are merged add theirs; if the number of replicas changes, each gets another part of the
    /// load. A slice that is new to the pod starts without counts.
    pub fn follow(&mut self, ownership: Arc<Ownership>) {
        // Most assignments change nothing for this pod.
        let whole = LazyCell::new(|| load_map_of(&self.report()));
        let mut shares = self.shares.iter();
        let before = self
            .ownership
            .ranges()
            .map(|_, _| shares.next().and_then(Option::as_ref));
        let after = ownership.ranges().iter().map(|(slice, share)| {
            let replicas = served(*share)?;
            Some(inherited(&before, &slice, replicas, || whole.demand_of(&slice)))
        });
        let after: Vec<_> = after.collect();
        self.hot_keys.follow(|key| {
            let (_, before) = before.get(key);
            let (number, _) = ownership.share_of(key);
            Some((before.as_ref()?.replicas, after[number].as_ref()?.replicas))
        });
        self.shares = after;
        self.ownership = ownership;
    }

    /// The ownership whose ranges are measured.
    #[must_use]
    pub const fn ownership(&self) -> &Arc<Ownership> {
        &self.ownership
    }

    /// Records the units counted in the last `elapsed`, by range number.
    pub fn record(&mut self, counts: impl IntoIterator<Item = u64>, elapsed: Duration) {
        let interval = CountInterval::of(elapsed);
        for (share, units) in self.shares.iter_mut().zip(counts) {
            if let Some(share) = share {
                share.rate.record(units, interval);
                share.window = (share.window + elapsed).min(SLOW_HALF_LIFE);
            }
        }
        self.since_sampled += elapsed;
    }

    /// Records the recent counts of the sketches of the hottest keys.
    pub fn record_samples(&mut self, sketches: &[Hottest]) {
        let elapsed = std::mem::take(&mut self.since_sampled);
        self.hot_keys.record(sketches, CountInterval::of(elapsed));
    }

    /// Records the warm bytes of each range, by range number.
    pub fn record_memory(&mut self, bytes: impl IntoIterator<Item = u64>) {
        for (share, bytes) in self.shares.iter_mut().zip(bytes) {
            if let Some(share) = share {
                share.memory = bytes;
            }
        }
    }

    /// The load of the whole pod, by the fast rate.
    #[must_use]
    pub fn fast(&self) -> Load {
        self.shares.iter().flatten().map(|share| share.rate.fast()).sum()
    }

    /// The load of the whole pod, by the slow rate.
    #[must_use]
    pub fn slow(&self) -> Load {
        self.shares.iter().flatten().map(|share| share.rate.slow()).sum()
    }

    /// The message to the assigner.
    #[must_use]
    pub fn report(&self) -> LoadReport {
        let hottest = self.hottest();
        let listed: BTreeSet<_> = hottest.iter().map(|hot| &hot.key).collect();
        let unlisted_max = self.hot_keys.unlisted_max(&listed, self.fast());
        let mut samples = self.samples(&listed).into_iter();
        let shares = self.ownership.ranges().iter().zip(&self.shares);
        let slices = shares.filter_map(|((slice, _), share)| {
            let samples = samples.next().unwrap_or_default();
            share.as_ref().map(|share| share.report(slice, &samples))
        });
        LoadReport {
            slices: slices.collect(),
            unlisted_max,
            hottest,
        }
    }

    /// The hottest keys, hottest first. The keys of a slice together have at most its load, assigned hottest first.
    fn hottest(&self) -> Vec<KeyLoad> {
        let number_of = |key: &SliceKey| self.ownership.share_of(key).0;
        let is_served = |key: &SliceKey| self.shares[number_of(key)].is_some();
        let mut hottest = self.hot_keys.hottest(is_served, HOTTEST_COUNT_MAX);
        let rate = |share: &Option<ShareLoad>| share.as_ref().map(|share| (share.rate.fast(), share.rate.slow()));
        let mut left: Vec<_> = self
            .shares
            .iter()
            .map(|share| rate(share).unwrap_or_default())
            .collect();
        for hot in &mut hottest {
            let (fast, slow) = &mut left[number_of(&hot.key)];
            (hot.fast, hot.slow) = (hot.fast.min(*fast), hot.slow.min(*slow));
            *fast -= hot.fast;
            *slow -= hot.slow;
        }
        hottest.retain(|hot| hot.fast > Load::ZERO);
        hottest.sort_by_key(|hot| Reverse(hot.fast));
        hottest
    }

    /// The sampled keys of each range, by range number, without the keys that are listed as hot.
    fn samples(&self, listed: &BTreeSet<&SliceKey>) -> Vec<Vec<(&SliceKey, u64)>> {
        let mut samples = vec![Vec::new(); self.shares.len()];
        for (key, stands_for) in self.hot_keys.sample().filter(|(key, _)| !listed.contains(key)) {
            samples[self.ownership.share_of(key).0].push((key, stands_for));
        }
        samples
    }
}

impl ShareLoad {
    fn new(replicas: u32) -> Self {
        Self {
            rate: MeteredRate::new(),
            window: Duration::ZERO,
            memory: 0,
            replicas,
        }
    }

    fn report(&self, slice: Slice, samples: &[(&SliceKey, u64)]) -> SliceLoad {
        SliceLoad {
            fast: self.rate.fast(),
            slow: self.rate.slow(),
            memory: self.memory,
            replicas: self.replicas,
            window: self.window,
            split_hints: split_hints(&slice, samples),
            slice,
        }
    }
}

/// The number of pods that serve the slice, if requests are routed to this one. A share that is warming or leaving gets no
/// requests, so its counts say nothing about the slice.
fn served(share: Option<Share>) -> Option<u32> {
    share
        .filter(|share| share.phase.is_routed_to())
        .map(|share| share.serving_count)
}

/// The load of the pod's share in a slice, inferred from its shares before; `demand` is the load of the whole slice by
/// those shares.
fn inherited(
    before: &SliceMap<Option<&ShareLoad>>,
    slice: &Slice,
    replicas: u32,
    demand: impl FnOnce() -> Demand,
) -> ShareLoad {
    let mut parts = before.overlapping(slice).peekable();
    let parent = match parts.peek() {
        Some((old, Some(parent))) if old == slice => Some(*parent),
        Some(_) | None => None,
    };
    if let Some(parent) = parent.filter(|parent| parent.replicas == replicas) {
        return parent.clone();
    }
    let (mut window, mut is_inferred) = (SLOW_HALF_LIFE, false);
    for (old, parent) in parts {
        let Some(parent) = parent else {
            return ShareLoad::new(replicas);
        };
        window = window.min(parent.window);
        is_inferred |= parent.replicas != replicas || old.intersection(slice).as_ref() != Some(&old);
    }
    let demand = demand();
    let worth = if is_inferred { window.min(INFERRED) } else { window };
    let shared = |load: Load| load.share(1, replicas.into());
    ShareLoad {
        rate: MeteredRate::known(shared(demand.now), shared(demand.steady), worth),
        window,
        memory: demand.memory,
        replicas,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assignment::ReplicaSet;
    use crate::slicelet::fixtures::{ownership_after, served, whole_loads};

    const SECOND: Duration = Duration::from_secs(1);

    /// The ownership of a pod that serves `[starts[0], starts[1])`, `[starts[1], starts[2])`, ... and nothing else.
    fn ownership(starts: &[u64]) -> Arc<Ownership> {
        let starts = starts.iter().map(|start| SliceKey::from_position(*start));
        let mut slices = vec![(SliceKey::EMPTY, ReplicaSet::none())];
        slices.extend(starts.map(|start| (start, served())));
        slices.last_mut().unwrap().1 = ReplicaSet::none();
        ownership_after(&Ownership::none(), slices)
    }

    fn loads(meter: &LoadMeter) -> Vec<u64> {
        whole_loads(&meter.report())
    }

    #[test]
    fn only_the_slices_of_the_pod_are_reported() {
        let mut meter = LoadMeter::new(ownership(&[10, 20, 30]));
        // Range 0 is the gap before the first slice.
        meter.record([99, 700, 50, 99], SECOND);
        assert_eq!(loads(&meter), [700, 50]);
        assert_eq!(meter.report().slices[0].window, SECOND);
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
    fn a_slice_that_is_new_to_the_pod_starts_without_load() {
        let mut meter = LoadMeter::new(ownership(&[0, 40]));
        meter.record([0, 300], SECOND);
        meter.follow(ownership(&[0, 40, 100]));
        assert_eq!(loads(&meter), [300, 0]);
        meter.record([0, 300, 70], SECOND);
        assert_eq!(loads(&meter), [300, 70]);
    }

    #[test]
    fn the_hottest_keys_come_first_and_have_at_most_the_load_of_their_slice() {
        let mut meter = LoadMeter::new(ownership(&[0, 40, 100]));
        let mut sketch = Hottest::with_capacity(8);
        for (position, count) in [(50, 40), (1, 500), (2, 10), (200, 100)] {
            let key = SliceKey::from_position(position);
            (0..10).for_each(|_| sketch.record(&key, count / 10));
        }
        meter.record([0, 300, 700], SECOND);
        meter.record_samples(&[sketch]);
        let report = meter.report();
        let units = |hot: &KeyLoad| (hot.key.position(), hot.fast.milli() / 1_000);
        let hottest: Vec<_> = report.hottest.iter().map(units).collect();
        assert_eq!(
            hottest,
            [(1, 300), (50, 40)],
            "no load is left for key 2, and the key at 200 belongs to another pod"
        );
    }
}
