//! Estimates: the demand of a whole slice, computed from the share of one replica.

use std::iter;
use std::time::Duration;

use super::{Demand, KeyLoad, Load, LoadReport, SliceLoad};
use crate::keyspace::{Slice, SliceKey};

/// An estimate of the demand of a slice by one replica: its share times the number of replicas, since they share the load
/// about evenly. The `steady` rate of its demands is the reported slow rate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Estimate {
    pub(super) slice: Slice,
    /// How long the share has been measured.
    pub(super) window: Duration,
    replicas: u32,
    /// The demand of all keys except the points.
    rest: Demand,
    /// Keys that divide the rest into equal parts: the starts of all parts except the first.
    part_starts: Vec<SliceKey>,
    /// Hot keys, in key order.
    points: Vec<(SliceKey, Demand)>,
}

/// A part of the slice with evenly spread demand.
#[derive(Debug, Clone, Copy)]
pub(super) struct EstimatePart<'a> {
    pub(super) start: &'a SliceKey,
    pub(super) end: Option<&'a SliceKey>,
    pub(super) demand: Demand,
}

impl Estimate {
    /// The estimates of a report, in key order. Hot keys outside its slices are ignored.
    pub(super) fn all_of(report: &LoadReport) -> Vec<Self> {
        let mut estimates: Vec<_> = report.slices.iter().map(Self::of_share).collect();
        for key in &report.hottest {
            let after = estimates.partition_point(|estimate| *estimate.slice.start() <= key.key);
            let holder = estimates[..after].last_mut();
            if let Some(estimate) = holder.filter(|estimate| estimate.slice.contains(&key.key)) {
                estimate.add_point(key);
            }
        }
        estimates.iter_mut().for_each(Self::sort_points);
        estimates
    }

    /// The hot keys, in key order.
    pub(super) fn points(&self) -> &[(SliceKey, Demand)] {
        &self.points
    }

    /// The starts of all parts except the first.
    pub(super) fn part_starts(&self) -> &[SliceKey] {
        &self.part_starts
    }

    /// The parts of the slice, in key order; their demands add up exactly to the rest.
    pub(super) fn parts(&self) -> impl Iterator<Item = EstimatePart<'_>> {
        let starts = iter::once(self.slice.start()).chain(&self.part_starts);
        let ends = self.part_starts.iter().map(Some).chain([self.slice.end()]);
        let count = self.part_starts.len() as u128 + 1;
        let before = move |part: u128| self.rest.share(part, count);
        starts
            .zip(ends)
            .zip(0..)
            .map(move |((start, end), number)| EstimatePart {
                start,
                end,
                demand: before(number + 1) - before(number),
            })
    }

    fn of_share(share: &SliceLoad) -> Self {
        let replicas = share.replicas.max(1);
        let rest = Demand {
            now: times(share.fast, replicas),
            steady: times(share.slow, replicas),
            memory: share.memory,
        };
        Self {
            slice: share.slice.clone(),
            window: share.window,
            replicas,
            rest,
            part_starts: share.split_hints.clone(),
            points: Vec::new(),
        }
    }

    /// Moves the demand of a key from the rest to a point, at most all of the rest.
    fn add_point(&mut self, key: &KeyLoad) {
        let demand = Demand {
            now: times(key.fast, self.replicas).min(self.rest.now),
            steady: times(key.slow, self.replicas).min(self.rest.steady),
            memory: 0,
        };
        self.rest -= demand;
        self.points.push((key.key.clone(), demand));
    }

    fn sort_points(&mut self) {
        self.points.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        self.points.dedup_by(|(key, demand), (before, sum)| {
            let is_same = key == before;
            if is_same {
                *sum += *demand;
            }
            is_same
        });
    }
}

fn times(load: Load, replicas: u32) -> Load {
    Load::from_milli(load.milli().saturating_mul(replicas.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(position: u64) -> SliceKey {
        SliceKey::from_position(position)
    }

    fn report(replicas: u32, split_hints: &[u64], hottest: &[(u64, u64)]) -> LoadReport {
        LoadReport {
            slices: vec![SliceLoad {
                slice: Slice::new(key(10), Some(key(90))).unwrap(),
                fast: Load::from_units(100),
                slow: Load::from_units(50),
                memory: 7,
                replicas,
                window: Duration::from_secs(1),
                split_hints: split_hints.iter().map(|hint| key(*hint)).collect(),
            }],
            hottest: hottest
                .iter()
                .map(|(position, units)| KeyLoad {
                    key: key(*position),
                    fast: Load::from_units(*units),
                    slow: Load::from_units(units / 2),
                })
                .collect(),
            unlisted_max: Load::ZERO,
        }
    }

    fn parts(estimate: &Estimate) -> Vec<(u64, u64)> {
        let part = |part: EstimatePart<'_>| (part.start.position(), part.demand.now.milli() / 1_000);
        estimate.parts().map(part).collect()
    }

    #[test]
    fn the_share_of_one_of_four_replicas_counts_four_times() {
        let [estimate] = Estimate::all_of(&report(4, &[], &[(20, 60)])).try_into().unwrap();
        assert_eq!(parts(&estimate), [(10, 160)]);
        assert_eq!(estimate.points()[0].1.now, Load::from_units(240));
        assert_eq!(estimate.parts().map(|part| part.demand.memory).sum::<u64>(), 7);
    }

    #[test]
    fn split_hints_divide_the_rest_into_equal_parts() {
        let [estimate] = Estimate::all_of(&report(1, &[12, 14, 20], &[(13, 20)]))
            .try_into()
            .unwrap();
        assert_eq!(parts(&estimate), [(10, 20), (12, 20), (14, 20), (20, 20)]);
    }

    #[test]
    fn hot_keys_never_have_more_load_than_their_slice() {
        let [estimate] = Estimate::all_of(&report(1, &[], &[(13, 80), (40, 70), (13, 5), (200, 9)]))
            .try_into()
            .unwrap();
        let points: Vec<_> = estimate
            .points()
            .iter()
            .map(|(key, demand)| (key.position(), demand.now))
            .collect();
        assert_eq!(points, [(13, Load::from_units(80)), (40, Load::from_units(20))]);
        assert_eq!(parts(&estimate), [(10, 0)]);
    }
}
