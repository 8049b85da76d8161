//! The weighted mean of overlapping estimates of many pods, as one load map.

use std::collections::BTreeMap;
use std::ops::Range;

use super::estimate::{Estimate, EstimatePart};
use super::{Demand, Load, LoadMap, LoadReport};
use crate::keyspace::{Slice, SliceKey, SliceMap};

/// An estimate with its weight.
#[derive(Debug, Clone, Copy)]
pub(super) struct WeightedEstimate<'a> {
    pub(super) estimate: &'a Estimate,
    /// The part of its slice for which it counts.
    pub(super) within: &'a Slice,
    /// Measuring time, reduced by age; at least 1.
    pub(super) weight: u64,
}

/// The load map by the report of one pod, as the load of whole slices and not of its shares; `steady` is the slow rate.
pub(crate) fn load_map_of(report: &LoadReport) -> LoadMap {
    let estimates = Estimate::all_of(report);
    let weighted = estimates.iter().map(|estimate| WeightedEstimate {
        estimate,
        within: &estimate.slice,
        weight: 1,
    });
    combined(&weighted.collect::<Vec<_>>(), |measured| measured)
}

/// The map on which each key has the weighted mean of its estimates, after `adjusted`. Memory is the largest estimate: every
/// replica needs all of it, and a new one has not loaded it yet.
pub(super) fn combined(estimates: &[WeightedEstimate<'_>], adjusted: impl Fn(Demand) -> Demand) -> LoadMap {
    let mut partition = Partition::of(estimates);
    let mut points: BTreeMap<&SliceKey, WeightedSum> = BTreeMap::new();
    for weighted in estimates {
        partition.add(weighted);
        let points_within = weighted
            .estimate
            .points()
            .iter()
            .filter(|(key, _)| weighted.within.contains(key));
        for (key, demand) in points_within {
            points.entry(key).or_default().add(*demand, weighted.weight);
        }
    }
    let point = |(key, sum): (&SliceKey, WeightedSum)| (key.clone(), adjusted(sum.mean(partition.weight_at(key))));
    let points = points
        .into_iter()
        .map(point)
        .filter(|(_, demand)| *demand != Demand::NONE);
    let points = points.collect();
    LoadMap::new(partition.into_pieces(adjusted), points)
}

/// The key space, divided wherever an estimate or one of its parts starts or ends.
struct Partition<'a> {
    starts: Vec<Bound<'a>>,
    sums: Vec<WeightedSum>,
}

/// A key with its position, which nearly always decides a comparison without reading the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Bound<'a> {
    position: u64,
    key: &'a SliceKey,
}

/// A sum of demands, each times its weight.
#[derive(Debug, Clone, Copy, Default)]
struct WeightedSum {
    now: u128,
    steady: u128,
    memory: u64,
    weight: u128,
}

impl<'a> Bound<'a> {
    const fn of(key: &'a SliceKey) -> Self {
        Self {
            position: key.position(),
            key,
        }
    }
}

impl<'a> Partition<'a> {
    fn of(estimates: &[WeightedEstimate<'a>]) -> Self {
        let mut starts = vec![Bound::of(&SliceKey::EMPTY)];
        for weighted in estimates {
            let (within, part_starts) = (weighted.within, weighted.estimate.part_starts());
            starts.push(Bound::of(within.start()));
            starts.extend(within.end().map(Bound::of));
            starts.extend(part_starts.iter().filter(|start| within.contains(start)).map(Bound::of));
        }
        starts.sort_unstable();
        starts.dedup();
        Self {
            sums: vec![WeightedSum::default(); starts.len()],
            starts,
        }
    }

    fn add(&mut self, weighted: &WeightedEstimate<'a>) {
        for part in weighted.estimate.parts() {
            let first = self.first_from(part.start);
            let is_start = self.starts.get(first).is_some_and(|start| start.key == part.start);
            if is_start && self.starts.get(first + 1).map(|next| next.key) == part.end && weighted.is_whole() {
                self.sums[first].add(part.demand, weighted.weight);
            } else {
                let within = self.first_from(weighted.within.start())..self.end_of(weighted.within.end());
                let pieces = first.max(within.start)..self.end_of(part.end).min(within.end);
                self.spread(part, pieces, weighted.weight);
            }
        }
    }

    /// Spreads a part over several pieces by their width; a part without width lies on its first piece.
    fn spread(&mut self, part: EstimatePart<'_>, pieces: Range<usize>, weight: u64) {
        let offset = |key: &SliceKey| u128::from(key.position()) - u128::from(part.start.position());
        let width = part.end.map_or((1 << 64) - u128::from(part.start.position()), offset);
        let before = |bound: Option<&Bound<'_>>| match (width, bound) {
            (_, Some(bound)) if bound.key == part.start => Demand::NONE,
            (0, _) | (_, None) => part.demand,
            (width, Some(bound)) => part.demand.share(offset(bound.key), width),
        };
        for piece in pieces {
            let demand = before(self.starts.get(piece + 1)) - before(self.starts.get(piece));
            self.sums[piece].add(demand, weight);
        }
    }

    fn weight_at(&self, key: &SliceKey) -> u128 {
        let bound = Bound::of(key);
        self.sums[self.starts.partition_point(|start| *start <= bound) - 1].weight
    }

    fn into_pieces(self, adjusted: impl Fn(Demand) -> Demand) -> SliceMap<Demand> {
        let demands = self.sums.into_iter().map(|sum| adjusted(sum.mean(sum.weight)));
        let starts = self.starts.into_iter().map(|start| start.key.clone());
        SliceMap::try_from_starts(starts.zip(demands).collect())
            .expect("starts are sorted, distinct and begin at the empty key")
    }

    fn first_from(&self, key: &SliceKey) -> usize {
        let bound = Bound::of(key);
        self.starts.partition_point(|start| *start < bound)
    }

    fn end_of(&self, end: Option<&SliceKey>) -> usize {
        end.map_or(self.starts.len(), |end| self.first_from(end))
    }
}

impl WeightedEstimate<'_> {
    fn is_whole(&self) -> bool {
        *self.within == self.estimate.slice
    }
}

impl WeightedSum {
    fn add(&mut self, demand: Demand, weight: u64) {
        let weighed = |load: Load| u128::from(load.milli()) * u128::from(weight);
        self.now = self.now.saturating_add(weighed(demand.now));
        self.steady = self.steady.saturating_add(weighed(demand.steady));
        self.memory = self.memory.max(demand.memory);
        self.weight += u128::from(weight);
    }

    /// The weighted mean, where `weight` includes estimates without demand.
    fn mean(&self, weight: u128) -> Demand {
        let mean = |sum: u128| u64::try_from(sum.checked_div(weight).unwrap_or_default()).unwrap_or(u64::MAX);
        Demand {
            now: Load::from_milli(mean(self.now)),
            steady: Load::from_milli(mean(self.steady)),
            memory: self.memory,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::load::{KeyLoad, SliceLoad};

    fn key(position: u64) -> SliceKey {
        SliceKey::from_position(position)
    }

    fn slice(start: u64, end: u64) -> Slice {
        Slice::new(key(start), Some(key(end))).unwrap()
    }

    fn estimate(slice: Slice, units: u64, split_hints: &[u64], hottest: &[(u64, u64)]) -> Estimate {
        let share = SliceLoad {
            slice,
            fast: Load::from_units(units),
            slow: Load::from_units(units),
            memory: units,
            replicas: 1,
            window: Duration::from_secs(1),
            split_hints: split_hints.iter().map(|hint| key(*hint)).collect(),
        };
        let hot = |(position, units): &(u64, u64)| KeyLoad {
            key: key(*position),
            fast: Load::from_units(*units),
            slow: Load::from_units(*units),
        };
        let report = LoadReport {
            slices: vec![share],
            hottest: hottest.iter().map(hot).collect(),
            unlisted_max: Load::ZERO,
        };
        Estimate::all_of(&report).pop().unwrap()
    }

    fn map_of(estimates: &[(&Estimate, u64)]) -> LoadMap {
        let estimates: Vec<_> = estimates
            .iter()
            .map(|(estimate, weight)| WeightedEstimate {
                estimate,
                within: &estimate.slice,
                weight: *weight,
            })
            .collect();
        combined(&estimates, |measured| measured)
    }

    fn units(map: &LoadMap, start: u64, end: u64) -> u64 {
        map.demand_of(&slice(start, end)).now.milli() / 1_000
    }

    #[test]
    fn estimates_of_the_same_keys_are_averaged_by_weight() {
        let (old, new) = (
            estimate(slice(0, 100), 300, &[], &[]),
            estimate(slice(0, 100), 600, &[], &[]),
        );
        let map = map_of(&[(&old, 2), (&new, 1)]);
        assert_eq!(units(&map, 0, 100), 400);
        assert_eq!(map.total().memory, 600, "each replica needs all of it");
    }

    #[test]
    fn an_estimate_counts_for_its_keys_alone() {
        let (whole, upper) = (
            estimate(slice(0, 100), 100, &[], &[]),
            estimate(slice(50, 100), 90, &[], &[]),
        );
        let map = map_of(&[(&whole, 1), (&upper, 1)]);
        assert_eq!((units(&map, 0, 50), units(&map, 50, 100)), (50, 70));
    }

    #[test]
    fn split_hints_of_an_estimate_concentrate_its_load() {
        let dense = estimate(slice(0, 1_000), 400, &[10, 12, 14], &[]);
        let map = map_of(&[(&dense, 1)]);
        assert_eq!(
            (units(&map, 0, 10), units(&map, 10, 12), units(&map, 14, 1_000)),
            (100, 100, 100)
        );
    }

    #[test]
    fn a_hot_key_in_one_of_two_estimates_is_half_as_hot() {
        let (with, without) = (
            estimate(slice(0, 100), 100, &[], &[(7, 80)]),
            estimate(slice(0, 100), 100, &[], &[]),
        );
        let map = map_of(&[(&with, 1), (&without, 1)]);
        let expected = Demand {
            memory: 0,
            ..Demand::steady(Load::from_units(40))
        };
        assert_eq!(map.points(), [(key(7), expected)]);
        assert_eq!(units(&map, 0, 100), 100);
    }

    #[test]
    fn keys_without_an_estimate_have_no_load() {
        let alone = estimate(slice(10, 20), 50, &[], &[]);
        let weighted = WeightedEstimate {
            estimate: &alone,
            within: &slice(10, 15),
            weight: 1,
        };
        let map = combined(&[weighted], |measured| measured);
        assert_eq!(
            (units(&map, 0, 10), units(&map, 10, 15), units(&map, 15, 30)),
            (0, 25, 0)
        );
        assert_eq!(map_of(&[]), LoadMap::idle());
    }

    fn any_estimate() -> impl Strategy<Value = Estimate> {
        let bounds = (0_u64..90, 1_u64..10);
        let inside = prop::collection::btree_set(0_u64..100, 0..5);
        let hottest = prop::collection::btree_map(0_u64..100, 0_u64..300, 0..5);
        (bounds, 0_u64..1_000, inside, hottest).prop_map(|((start, width), units, split_hints, hottest)| {
            let slice = slice(start, start + width);
            let is_inside = |hint: &u64| start < *hint && *hint < start + width;
            let split_hints: Vec<_> = split_hints.into_iter().filter(is_inside).collect();
            estimate(slice, units, &split_hints, &hottest.into_iter().collect::<Vec<_>>())
        })
    }

    proptest! {
        #[test]
        fn a_single_estimate_is_the_map(estimate in any_estimate(), weight in 1_u64..1_000_000) {
            let map = map_of(&[(&estimate, weight)]);
            let points: Demand = estimate.points().iter().map(|(_, demand)| *demand).sum();
            let rest: Demand = estimate.parts().map(|part| part.demand).sum();
            prop_assert_eq!(map.demand_of(&estimate.slice), rest + points);
            prop_assert_eq!(map.total(), rest + points);
        }

        #[test]
        fn the_order_of_estimates_does_not_matter(
            estimates in prop::collection::vec((any_estimate(), 1_u64..1_000), 0..8),
        ) {
            let mut estimates: Vec<_> = estimates.iter().map(|(estimate, weight)| (estimate, *weight)).collect();
            let map = map_of(&estimates);
            estimates.reverse();
            prop_assert_eq!(map_of(&estimates), map);
        }

        #[test]
        fn no_key_has_more_load_than_its_largest_estimate(
            estimates in prop::collection::vec((any_estimate(), 1_u64..1_000), 1..8),
            at in 0_u64..100,
        ) {
            let estimates: Vec<_> = estimates.iter().map(|(estimate, weight)| (estimate, *weight)).collect();
            let one_key = slice(at, at + 1);
            let most = estimates.iter().map(|weighted| map_of(&[*weighted]).demand_of(&one_key).now).max().unwrap();
            prop_assert!(map_of(&estimates).demand_of(&one_key).now <= most + Load::from_milli(8));
        }
    }
}
