//! Hot keys: the rates of the keys that have a counter in the sketches.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::metered_rate::{CountInterval, MeteredRate};
use super::{HotKey, Hottest};
use crate::keyspace::SliceKey;
use crate::load::{KeyLoad, Load};

/// Follows the keys that have a counter in a sketch. While it has one, a key is counted exactly (as far as samples are),
/// so its rate is free of the error of the sketch's counts.
#[derive(Debug, Clone, Default)]
pub(super) struct HotKeys {
    followed: BTreeMap<SliceKey, Followed>,
    /// Every key that has a counter, in key order.
    entries: Vec<SketchEntry>,
    /// The requests that all sketches have counted.
    total: u64,
    /// Upper bound of the requests of a key without a counter.
    absent_max: u64,
}

#[derive(Debug, Clone)]
struct Followed {
    rate: MeteredRate,
    /// Samples since the key has its counter.
    sample_count: u64,
    /// Whether its sketch still had a counter for it at the last record.
    is_recorded: bool,
}

#[derive(Debug, Clone)]
struct SketchEntry {
    key: SliceKey,
    /// Upper bound of its requests.
    count: u64,
    /// Lower bound of its requests, plus an equal part of the requests of keys that have lost their counters. Those keys
    /// resembled the ones that replaced them, so the entries are a sample of all load.
    stands_for: u64,
}

/// Samples from which a key is followed; most keys that have a counter for a moment never reach it.
const FOLLOWED_FROM: u64 = 4;
/// Samples from which a key is reported: its rate is then right within a third.
const REPORTED_FROM: u64 = 8;

impl HotKeys {
    /// Records the recent counts of the sketches, which were made in `interval`.
    pub(super) fn record(&mut self, sketches: &[Hottest], interval: CountInterval) {
        let counted = sketches.iter().flat_map(Hottest::keys);
        for hot in counted.filter(|hot| hot.sample_count >= FOLLOWED_FROM) {
            match self.followed.get_mut(&hot.key) {
                Some(followed) => followed.record(hot, interval),
                None => {
                    self.followed.insert(hot.key.clone(), Followed::from(hot, interval));
                }
            }
        }
        self.followed
            .retain(|_, followed| std::mem::take(&mut followed.is_recorded));
        self.total = sketches.iter().map(Hottest::total).fold(0, u64::saturating_add);
        self.absent_max = sketches.iter().map(Hottest::absent_max).max().unwrap_or_default();
        self.entries = sketches.iter().flat_map(entries).collect();
        self.entries.sort_unstable_by(|a, b| a.key.cmp(&b.key));
    }

    /// The pod's ownership has changed: the replicas that share a key, before and after; `None` forgets the key.
    pub(super) fn follow(&mut self, replicas: impl Fn(&SliceKey) -> Option<(u32, u32)>) {
        self.followed.retain(|key, followed| {
            let replicas = replicas(key);
            if let Some((before, after)) = replicas.filter(|(before, after)| before != after) {
                followed.rate = followed.rate.redistributed(before, after);
            }
            replicas.is_some()
        });
    }

    /// At most `count_max` of the keys for which `counts` holds, by the fast rate, hottest first.
    pub(super) fn hottest(&self, counts: impl Fn(&SliceKey) -> bool, count_max: usize) -> Vec<KeyLoad> {
        let is_reported = |(key, followed): &(&SliceKey, &Followed)| {
            followed.sample_count >= REPORTED_FROM && followed.rate.fast() > Load::ZERO && counts(key)
        };
        let mut hottest: Vec<_> = self
            .followed
            .iter()
            .filter(is_reported)
            .map(|(key, followed)| KeyLoad {
                key: key.clone(),
                fast: followed.rate.fast(),
                slow: followed.rate.slow(),
            })
            .collect();
        hottest.sort_unstable_by(|a, b| (Reverse(a.fast), &a.key).cmp(&(Reverse(b.fast), &b.key)));
        hottest.truncate(count_max);
        hottest
    }

    /// Upper bound of the load of a key that is not listed, if all keys together have `load`.
    pub(super) fn unlisted_max(&self, listed: &BTreeSet<&SliceKey>, load: Load) -> Load {
        let unlisted = self.entries.iter().filter(|entry| !listed.contains(&entry.key));
        let count = unlisted.map(|entry| entry.count).max().unwrap_or_default();
        match self.total {
            0 => Load::ZERO,
            total => load.share(count.max(self.absent_max).into(), total.into()),
        }
    }

    /// A sample of all keys, in key order, each with the part of all load that it represents, with 32 binary digits.
    pub(super) fn sample(&self) -> impl Iterator<Item = (&SliceKey, u64)> {
        let part = |stands_for: u64| (u128::from(stands_for) << 32).checked_div(self.total.into());
        self.entries.iter().map(move |entry| {
            let part = part(entry.stands_for).unwrap_or_default().min(1 << 32);
            (&entry.key, part as u64)
        })
    }
}

impl Followed {
    fn from(hot: &HotKey, interval: CountInterval) -> Self {
        let mut rate = MeteredRate::new();
        rate.record(hot.recent, interval);
        Self {
            rate,
            sample_count: hot.sample_count,
            is_recorded: true,
        }
    }

    fn record(&mut self, hot: &HotKey, interval: CountInterval) {
        // A key that has lost its counter and got another one was not counted in between.
        if hot.sample_count < self.sample_count {
            *self = Self::from(hot, interval);
            return;
        }
        self.rate.record(hot.recent, interval);
        self.sample_count = hot.sample_count;
        self.is_recorded = true;
    }
}

fn entries(sketch: &Hottest) -> impl Iterator<Item = SketchEntry> {
    let certain: u64 = sketch
        .keys()
        .iter()
        .map(|hot| hot.count_min())
        .fold(0, u64::saturating_add);
    let lost = sketch.total().saturating_sub(certain) / (sketch.keys().len() as u64).max(1);
    sketch.keys().iter().map(move |hot| SketchEntry {
        key: hot.key.clone(),
        count: hot.count,
        stands_for: hot.count_min().saturating_add(lost),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn key(number: u64) -> SliceKey {
        SliceKey::from_position(number)
    }

    /// Records keys in a sketch of that capacity: a second for each list of numbers, one unit for each number.
    fn after(seconds: &[Vec<u64>], capacity: usize) -> HotKeys {
        let (mut hot_keys, mut sketch) = (HotKeys::default(), Hottest::with_capacity(capacity));
        for numbers in seconds {
            numbers.iter().for_each(|number| sketch.record(&key(*number), 1));
            hot_keys.record(std::slice::from_ref(&sketch), CountInterval::of(Duration::from_secs(1)));
            sketch.forget_recent();
        }
        hot_keys
    }

    fn hottest(hot_keys: &HotKeys) -> Vec<(u64, u64)> {
        let hottest = hot_keys.hottest(|_| true, 8);
        let units = |hot: &KeyLoad| (hot.key.position(), (hot.fast.milli() + 500) / 1_000);
        hottest.iter().map(units).collect()
    }

    #[test]
    fn a_key_that_keeps_its_counter_is_counted_exactly_among_passing_keys() {
        let second = |second: u64| {
            let others = (0..100).map(move |other| 1_000 * second + other);
            others.flat_map(|other| [1, other]).collect::<Vec<_>>()
        };
        let hot_keys = after(&[second(1), second(2), second(3)], 8);
        assert_eq!(hottest(&hot_keys), [(1, 100)]);
    }

    #[test]
    fn keys_with_few_samples_are_not_reported() {
        assert!(hottest(&after(&[vec![1; 7], vec![]], 8)).is_empty());
        assert_eq!(hottest(&after(&[vec![1; 8], vec![]], 8)).len(), 1);
    }

    #[test]
    fn new_replicas_take_their_part_and_lost_keys_are_forgotten() {
        let mut hot_keys = after(&[[[1; 40], [2; 40]].concat(), [[1; 40], [2; 40]].concat()], 8);
        hot_keys.follow(|hot| (*hot == key(1)).then_some((1, 4)));
        assert_eq!(hottest(&hot_keys), [(1, 10)]);
    }

    #[test]
    fn the_sample_stands_for_all_load() {
        let second: Vec<_> = (0..100).flat_map(|other| [1, 1, other + 10]).collect();
        let hot_keys = after(&[second], 16);
        let parts: Vec<_> = hot_keys.sample().collect();
        let all: u64 = parts.iter().map(|(_, part)| part).sum();
        let hot = parts.iter().find(|(hot, _)| **hot == key(1)).unwrap().1;
        assert!(all.abs_diff(1 << 32) < 1 << 27, "{all}");
        assert!(hot.abs_diff((1 << 33) / 3) < 1 << 28, "{hot}");
    }

    proptest! {
        #[test]
        fn no_unlisted_key_has_more_than_the_bound(
            seconds in prop::collection::vec(prop::collection::vec(0_u64..20, 1..100), 1..4),
        ) {
            let hot_keys = after(&seconds, 6);
            let listed = hot_keys.hottest(|_| true, 3);
            let total: u64 = seconds.iter().map(|second| second.len() as u64).sum();
            // The load is the number of requests, so the requests of a key are its load.
            let listed: BTreeSet<_> = listed.iter().map(|hot| &hot.key).collect();
            let unlisted_max = hot_keys.unlisted_max(&listed, Load::from_milli(total));
            for number in 0..20 {
                let seen = seconds.iter().flatten().filter(|seen| **seen == number).count() as u64;
                let is_listed = listed.contains(&key(number));
                prop_assert!(is_listed || Load::from_milli(seen) <= unlisted_max, "key {} had {} requests", number, seen);
            }
        }
    }
}
