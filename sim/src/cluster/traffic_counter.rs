//! Counting in a simulated pod: rates times their time, instead of requests.

use std::ops::Range;

use emberkeep_core::keyspace::Slice;
use emberkeep_core::slicelet::{Hottest, Ownership, SAMPLED_ONE_IN};
use emberkeep_core::time::Timestamp;

use super::routing::ClientRouting;
use super::settings::Counts;
use super::traffic::Traffic;
use crate::random_stream::RandomStream;
use crate::sketches::Sketches;

/// Thousandths of a unit a second times microseconds in one unit: counts are whole units, rates are not.
const PARTS_A_UNIT: u128 = 1_000 * 1_000_000;

/// The counts of one pod since they were last taken, and its sketches of the hottest keys.
#[derive(Debug)]
pub(super) struct TrafficCounter {
    random: RandomStream,
    counts: Counts,
    streams: Vec<Stream>,
    /// The load of each range that was not taken yet, in [`PARTS_A_UNIT`].
    parts: Vec<u128>,
    counted_until: Timestamp,
    sketches: Sketches,
}

/// The requests for keys in one range of the ownership, which `sharer_count` pods share.
#[derive(Debug)]
struct Stream {
    range: usize,
    keys: Range<usize>,
    sharer_count: u64,
}

impl TrafficCounter {
    pub(super) fn new(random: RandomStream, counts: Counts, now: Timestamp) -> Self {
        Self {
            random,
            counts,
            streams: Vec::new(),
            parts: vec![0],
            counted_until: now,
            sketches: Sketches::new(),
        }
    }

    /// Counts the load up to `now`.
    pub(super) fn count(&mut self, traffic: &Traffic, now: Timestamp) {
        let micros = now.since(self.counted_until).as_micros();
        self.counted_until = now;
        if micros == 0 {
            return;
        }
        for at in 0..self.streams.len() {
            let Stream {
                range,
                ref keys,
                sharer_count,
            } = self.streams[at];
            let rate = traffic.load_of(keys).milli();
            self.parts[range] += u128::from(rate) * micros / u128::from(sharer_count);
            for index in keys.clone() {
                self.sample(index, traffic, micros, sharer_count);
            }
        }
    }

    /// Takes the counts of each range. Fractions of a unit stay for the next time.
    pub(super) fn take(&mut self) -> Vec<u64> {
        let (random, counts) = (&mut self.random, self.counts);
        let units = self.parts.iter_mut().map(|parts| match counts {
            Counts::Expected => {
                let units = u64::try_from(*parts / PARTS_A_UNIT).unwrap_or(u64::MAX);
                *parts %= PARTS_A_UNIT;
                units
            }
            Counts::Poisson => random.poisson(std::mem::take(parts) as f64 / PARTS_A_UNIT as f64),
        });
        units.collect()
    }

    /// The pod's ownership or the routing has changed.
    pub(super) fn follow(&mut self, ownership: &Ownership, routing: &ClientRouting, pod: usize, traffic: &Traffic) {
        self.parts.resize(ownership.range_count(), 0);
        let streams = routing.to_pod(pod).flat_map(|route| {
            let sharer_count = route.answered_by.len() as u64;
            ranges_in(ownership, &route.slice).map(move |(range, part)| Stream {
                range,
                keys: traffic.keys_in(&part),
                sharer_count,
            })
        });
        self.streams = streams.filter(|stream| !stream.keys.is_empty()).collect();
    }

    /// Snapshots of the sketches of the hottest keys.
    pub(super) fn collect_sketches(&mut self, halves: bool) -> Vec<Hottest> {
        self.sketches.snapshot(halves)
    }

    fn sample(&mut self, index: usize, traffic: &Traffic, micros: u128, sharer_count: u64) {
        let (position, rate) = traffic.key(index);
        let parts = u128::from(rate.milli()) * micros;
        let parts_a_sample = PARTS_A_UNIT * u128::from(SAMPLED_ONE_IN * sharer_count);
        let sample_count = match self.counts {
            Counts::Expected => self.random.rounded(parts, parts_a_sample),
            Counts::Poisson => self.random.poisson(parts as f64 / parts_a_sample as f64),
        };
        if sample_count > 0 {
            self.sketches
                .record(position, sample_count * SAMPLED_ONE_IN, sample_count);
        }
    }
}

/// The ranges in which the pod has a share of the slice, by number, each with its part of the slice.
fn ranges_in<'a>(ownership: &'a Ownership, slice: &Slice) -> impl Iterator<Item = (usize, Slice)> + 'a {
    let (ranges, slice) = (ownership.ranges(), slice.clone());
    let first = ranges.position_of(slice.start());
    (first..ranges.slice_count())
        .map(|number| (number, ranges.at(number)))
        .map_while(move |(number, (range, share))| Some((number, range.intersection(&slice)?, share.is_some())))
        .filter_map(|(number, part, is_held)| is_held.then_some((number, part)))
}
