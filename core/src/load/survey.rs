//! The survey: many estimates, of pods that know more or less, become one map.

use std::collections::BTreeMap;

use super::estimate::{Estimate, Part};
use super::{Demand, Load, LoadMap, LoadReport};
use crate::keyspace::{Slice, SliceKey, SliceMap};

/// An estimate, and how much it counts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Voice<'a> {
    pub(super) estimate: &'a Estimate,
    /// The keys for which it counts.
    pub(super) within: &'a Slice,
    /// At least 1.
    pub(super) weight: u64,
}

/// How the load of a pod's slices lies, as that of whole slices and not of the pod's shares; `steady` is the slow rate.
pub(crate) fn surveyed(report: &LoadReport) -> LoadMap {
    let estimates = Estimate::all_of(report);
    let voices = estimates.iter().map(|estimate| Voice {
        estimate,
        within: &estimate.slice,
        weight: 1,
    });
    combined(&voices.collect::<Vec<_>>(), |measured| measured)
}

/// The map on which each key has the mean of what the voices say of it, by their weight; `settled` has the last word on
/// each demand. Memory is the most that one says: every replica needs all of it, and a new one has not got there yet.
pub(super) fn combined(voices: &[Voice<'_>], settled: impl Fn(Demand) -> Demand) -> LoadMap {
    let mut ground = Ground::under(voices);
    let mut points: BTreeMap<&SliceKey, Tally> = BTreeMap::new();
    for voice in voices {
        ground.hear(voice);
        let points_within = voice
            .estimate
            .points()
            .iter()
            .filter(|(key, _)| voice.within.contains(key));
        for (key, demand) in points_within {
            points.entry(key).or_default().add(*demand, voice.weight);
        }
    }
    let point = |(key, tally): (&SliceKey, Tally)| (key.clone(), settled(tally.mean(ground.weight_at(key))));
    let points = points
        .into_iter()
        .map(point)
        .filter(|(_, demand)| *demand != Demand::NONE);
    let points = points.collect();
    LoadMap::new(ground.into_pieces(settled), points)
}

/// The key space, cut wherever a voice or one of its parts begins or ends.
struct Ground<'a> {
    starts: Vec<&'a SliceKey>,
    tallies: Vec<Tally>,
}

/// The sum of demands, each times its weight.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    now: u128,
    steady: u128,
    memory: u64,
    weight: u128,
}

impl<'a> Ground<'a> {
    fn under(voices: &[Voice<'a>]) -> Self {
        let mut starts = vec![&SliceKey::EMPTY];
        for voice in voices {
            starts.push(voice.within.start());
            starts.extend(voice.within.end());
            let cuts = voice.estimate.parts().map(|part| part.start).skip(1);
            starts.extend(cuts.filter(|cut| voice.within.contains(cut)));
        }
        starts.sort_unstable();
        starts.dedup();
        Self {
            tallies: vec![Tally::default(); starts.len()],
            starts,
        }
    }

    fn hear(&mut self, voice: &Voice<'a>) {
        let within = self.first_from(voice.within.start())..self.end_of(voice.within.end());
        for part in voice.estimate.parts() {
            let first = self.first_from(part.start).max(within.start);
            let end = self.end_of(part.end).min(within.end);
            let is_whole = end == first + 1 && self.starts[first] == part.start;
            if is_whole && self.starts.get(end).copied() == part.end {
                self.tallies[first].add(part.demand, voice.weight);
            } else {
                self.spread(part, first..end, voice.weight);
            }
        }
    }

    /// Lays a part over several pieces by their width; one too narrow to have any lies on its start.
    fn spread(&mut self, part: Part<'_>, pieces: std::ops::Range<usize>, weight: u64) {
        let offset = |key: &SliceKey| u128::from(key.position()) - u128::from(part.start.position());
        let width = part.end.map_or((1 << 64) - u128::from(part.start.position()), offset);
        let before = |key: Option<&&SliceKey>| match (width, key) {
            (_, Some(key)) if *key == part.start => Demand::NONE,
            (0, _) | (_, None) => part.demand,
            (width, Some(key)) => part.demand.share(offset(key), width),
        };
        for piece in pieces {
            let demand = before(self.starts.get(piece + 1)) - before(self.starts.get(piece));
            self.tallies[piece].add(demand, weight);
        }
    }

    fn weight_at(&self, key: &SliceKey) -> u128 {
        self.tallies[self.starts.partition_point(|start| *start <= key) - 1].weight
    }

    fn into_pieces(self, settled: impl Fn(Demand) -> Demand) -> SliceMap<Demand> {
        let demands = self.tallies.into_iter().map(|tally| settled(tally.mean(tally.weight)));
        let pieces = self.starts.into_iter().cloned().zip(demands).collect();
        SliceMap::try_from_starts(pieces).expect("starts are sorted, distinct and begin at the empty key")
    }

    fn first_from(&self, key: &SliceKey) -> usize {
        self.starts.partition_point(|start| *start < key)
    }

    fn end_of(&self, end: Option<&SliceKey>) -> usize {
        end.map_or(self.starts.len(), |end| self.first_from(end))
    }
}

impl Tally {
    fn add(&mut self, demand: Demand, weight: u64) {
        let weighed = |load: Load| u128::from(load.milli()) * u128::from(weight);
        self.now = self.now.saturating_add(weighed(demand.now));
        self.steady = self.steady.saturating_add(weighed(demand.steady));
        self.memory = self.memory.max(demand.memory);
        self.weight += u128::from(weight);
    }

    /// The mean over all that were heard, also those that had nothing to say.
    fn mean(&self, weight: u128) -> Demand {
        let mean = |sum: u128| u64::try_from(sum.checked_div(weight).unwrap_or_default()).unwrap_or(u64::MAX);
        Demand {
            now: Load::from_milli(mean(self.now)),
            steady: Load::from_milli(mean(self.steady)),
            memory: self.memory,
        }
    }
}
