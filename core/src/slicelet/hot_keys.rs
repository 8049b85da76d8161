//! Hot keys: the rates of the keys that have a place in the sketches.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::metered_rate::{MeteredRate, Tick};
use super::{HotKey, Hottest};
use crate::keyspace::SliceKey;
use crate::load::{KeyLoad, Load};

/// Follows the keys that have a place in a sketch. From when it has one, a key is counted exactly (so far as samples
/// are), so its rate needs no share of the error that the counts of the sketch have.
#[derive(Debug, Clone, Default)]
pub(super) struct HotKeys {
    followed: BTreeMap<SliceKey, Followed>,
    /// Every key that has a place, with what it stands for, in key order.
    places: Vec<Place>,
    /// All that the sketches have counted.
    total: u64,
    /// The most a key without a place can have been counted.
    absent_max: u64,
}

#[derive(Debug, Clone)]
struct Followed {
    rate: MeteredRate,
    /// How often it was sampled since it has its place.
    sample_count: u64,
    /// Whether it was recorded in this tick.
    has_place: bool,
}

#[derive(Debug, Clone)]
struct Place {
    key: SliceKey,
    /// The most it can have been counted.
    count: u64,
    /// What it surely was counted, and its part of what keys were that have lost their places. As those were the
    /// like of the ones that came after them, the places are a sample of all load.
    stands_for: u64,
}

/// A key is followed from this many samples on; most that have a place for a moment never come to as many.
const FOLLOWED_FROM: u64 = 4;
/// And reported from this many on: then its rate is right within a third.
const REPORTED_FROM: u64 = 8;

impl HotKeys {
    /// Takes in what the sketches counted in the last tick.
    pub(super) fn sampled(&mut self, sketches: &[Hottest], tick: Tick) {
        let placed = sketches.iter().flat_map(Hottest::keys);
        for hot in placed.filter(|hot| hot.sample_count >= FOLLOWED_FROM) {
            match self.followed.get_mut(&hot.key) {
                Some(followed) => followed.record(hot, tick),
                None => {
                    self.followed.insert(hot.key.clone(), Followed::from(hot, tick));
                }
            }
        }
        self.followed
            .retain(|_, followed| std::mem::take(&mut followed.has_place));
        self.total = sketches.iter().map(Hottest::total).fold(0, u64::saturating_add);
        self.absent_max = sketches.iter().map(Hottest::absent_max).max().unwrap_or_default();
        self.places = sketches.iter().flat_map(places).collect();
        self.places.sort_unstable_by(|a, b| a.key.cmp(&b.key));
    }

    /// The pod's shares have changed: how many replicas share a key, before and after; `None` forgets the key.
    pub(super) fn follow(&mut self, replicas: impl Fn(&SliceKey) -> Option<(u32, u32)>) {
        self.followed.retain(|key, followed| {
            let replicas = replicas(key);
            if let Some((before, after)) = replicas.filter(|(before, after)| before != after) {
                followed.rate = followed.rate.shared_anew(before, after);
            }
            replicas.is_some()
        });
    }

    /// The hottest of the keys that count, by the fast rate, hottest first.
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

    /// The most that a key has which is not listed, when all keys together have `load`.
    pub(super) fn unlisted_max(&self, listed: &BTreeSet<&SliceKey>, load: Load) -> Load {
        let unlisted = self.places.iter().filter(|place| !listed.contains(&place.key));
        let count = unlisted.map(|place| place.count).max().unwrap_or_default();
        match self.total {
            0 => Load::ZERO,
            total => load.share(count.max(self.absent_max).into(), total.into()),
        }
    }

    /// A sample of all keys, in key order, each with the part of all load that it stands for, with 32 binary places.
    pub(super) fn sample(&self) -> impl Iterator<Item = (&SliceKey, u64)> {
        let part = |stands_for: u64| (u128::from(stands_for) << 32).checked_div(self.total.into());
        self.places.iter().map(move |place| {
            let part = part(place.stands_for).unwrap_or_default().min(1 << 32);
            (&place.key, part as u64)
        })
    }
}

impl Followed {
    fn from(hot: &HotKey, tick: Tick) -> Self {
        let mut rate = MeteredRate::new();
        rate.record(hot.recent, tick);
        Self {
            rate,
            sample_count: hot.sample_count,
            has_place: true,
        }
    }

    fn record(&mut self, hot: &HotKey, tick: Tick) {
        // A key that has lost its place and got another one was not counted in between.
        if hot.sample_count < self.sample_count {
            *self = Self::from(hot, tick);
            return;
        }
        self.rate.record(hot.recent, tick);
        self.sample_count = hot.sample_count;
        self.has_place = true;
    }
}

fn places(sketch: &Hottest) -> impl Iterator<Item = Place> {
    let sure: u64 = sketch
        .keys()
        .iter()
        .map(|hot| hot.surely())
        .fold(0, u64::saturating_add);
    let lost = sketch.total().saturating_sub(sure) / (sketch.keys().len() as u64).max(1);
    sketch.keys().iter().map(move |hot| Place {
        key: hot.key.clone(),
        count: hot.count,
        stands_for: hot.surely().saturating_add(lost),
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

    /// Shows the keys to a sketch of that many places, a second for each list of numbers, each key once for a unit.
    fn after(seconds: &[Vec<u64>], capacity: usize) -> HotKeys {
        let (mut hot_keys, mut sketch) = (HotKeys::default(), Hottest::with_capacity(capacity));
        for numbers in seconds {
            numbers.iter().for_each(|number| sketch.record(&key(*number), 1));
            hot_keys.sampled(std::slice::from_ref(&sketch), Tick::of(Duration::from_secs(1)));
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
    fn a_key_that_keeps_its_place_is_counted_exactly_among_others_that_come_and_go() {
        let second = |second: u64| {
            let others = (0..100).map(move |other| 1_000 * second + other);
            others.flat_map(|other| [1, other]).collect::<Vec<_>>()
        };
        let hot_keys = after(&[second(1), second(2), second(3)], 8);
        assert_eq!(hottest(&hot_keys), [(1, 100)]);
    }

    #[test]
    fn keys_that_were_seen_a_few_times_are_not_reported() {
        assert!(hottest(&after(&[vec![1; 7], vec![]], 8)).is_empty());
        assert_eq!(hottest(&after(&[vec![1; 8], vec![]], 8)).len(), 1);
    }

    #[test]
    fn other_replicas_take_their_part_and_keys_that_are_lost_are_forgotten() {
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
        fn no_key_that_is_left_out_has_more_than_is_said(
            seconds in prop::collection::vec(prop::collection::vec(0_u64..20, 1..100), 1..4),
        ) {
            let hot_keys = after(&seconds, 6);
            let listed = hot_keys.hottest(|_| true, 3);
            let total: u64 = seconds.iter().map(|second| second.len() as u64).sum();
            // In units of the whole: what a key was seen is its part of the load.
            let listed: BTreeSet<_> = listed.iter().map(|hot| &hot.key).collect();
            let unlisted_max = hot_keys.unlisted_max(&listed, Load::from_milli(total));
            for number in 0..20 {
                let seen = seconds.iter().flatten().filter(|seen| **seen == number).count() as u64;
                let is_listed = listed.contains(&key(number));
                prop_assert!(is_listed || Load::from_milli(seen) <= unlisted_max, "{} was seen {}", number, seen);
            }
        }
    }
}
