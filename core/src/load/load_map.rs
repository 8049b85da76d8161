//! The load map: how demand is spread over the key space.

use std::ops::Range;

use super::{Demand, Load};
use crate::keyspace::{Slice, SliceKey, SliceMap};

/// Demand over the key space: pieces with evenly spread demand, and single hot keys on top of them. Every slice has a demand,
/// regardless of splits and merges since the measurement, and the demands of adjacent slices add up exactly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadMap {
    pieces: SliceMap<Demand>,
    /// The demand before each piece, without points.
    before_pieces: Vec<Demand>,
    points: Vec<(SliceKey, Demand)>,
    /// The number of points before each piece, and at the end of all points.
    first_points: Vec<usize>,
    /// The demand of the points before each point, and at the end of all points.
    before_points: Vec<Demand>,
}

impl Default for LoadMap {
    /// The same as [`LoadMap::idle`].
    fn default() -> Self {
        Self::idle()
    }
}

impl LoadMap {
    /// A map without any load.
    #[must_use]
    pub fn idle() -> Self {
        Self::new(SliceMap::full(Demand::NONE), Vec::new())
    }

    /// A map of pieces and hot keys (points), in key order; pieces do not include the demand of points.
    #[must_use]
    pub fn new(pieces: SliceMap<Demand>, points: Vec<(SliceKey, Demand)>) -> Self {
        debug_assert!(
            points.windows(2).all(|pair| pair[0].0 < pair[1].0),
            "points are sorted and distinct"
        );
        Self {
            before_pieces: sums_before(pieces.values().copied()),
            first_points: points_before(&pieces, &points),
            before_points: sums_before(points.iter().map(|(_, demand)| *demand)),
            pieces,
            points,
        }
    }

    /// The demand of the slice.
    #[must_use]
    pub fn demand_of(&self, slice: &Slice) -> Demand {
        let end = slice.end().map_or_else(|| self.total(), |end| self.before(end));
        end - self.before(slice.start())
    }

    /// The demand of each slice, in one pass over the map: faster than [`LoadMap::demand_of`] for each.
    #[must_use]
    pub fn demands_of<T>(&self, slices: &SliceMap<T>) -> Vec<Demand> {
        let piece_starts: Vec<&SliceKey> = self.pieces.starts().collect();
        let (mut piece, mut point) = (0, 0);
        let mut before: Vec<Demand> = Vec::with_capacity(slices.slice_count() + 1);
        for start in slices.starts() {
            piece = first_not(piece, piece_starts.len(), |at| piece_starts[at] <= start) - 1;
            point = first_not(point, self.points.len(), |at| self.points[at].0 < *start);
            before.push(self.before_in(start, piece, point));
        }
        before.push(self.total());
        before.windows(2).map(|pair| pair[1] - pair[0]).collect()
    }

    /// The demand of all keys.
    #[must_use]
    pub fn total(&self) -> Demand {
        let last = |sums: &[Demand]| sums.last().copied().unwrap_or_default();
        last(&self.before_pieces) + last(&self.before_points)
    }

    /// The hot keys, in key order.
    #[must_use]
    pub fn points(&self) -> &[(SliceKey, Demand)] {
        &self.points
    }

    /// The hot keys of the slice, in key order.
    #[must_use]
    pub fn points_of(&self, slice: &Slice) -> &[(SliceKey, Demand)] {
        let first = self.points.partition_point(|(key, _)| key < slice.start());
        let end = slice.end().map_or(self.points.len(), |end| {
            self.points.partition_point(|(key, _)| key < end)
        });
        &self.points[first..end]
    }

    /// The key at which to split the slice so that its left part has about the steady load `wanted`; `None` if there is none.
    #[must_use]
    pub fn split_key(&self, slice: &Slice, wanted: Load) -> Option<SliceKey> {
        let before = self.before(slice.start()).steady;
        let is_inside = |key: &SliceKey| slice.start() < key && slice.contains(key);
        let key = self.key_at(before + wanted);
        // A hot key at the split goes to the side that comes closer to the wanted load.
        let point = self.points.binary_search_by(|(hot, _)| hot.cmp(&key)).ok();
        let after = point.and_then(|point| self.after_point(point)).filter(is_inside);
        let distance = |key: &SliceKey| (self.before(key).steady - before).milli().abs_diff(wanted.milli());
        match (is_inside(&key).then_some(key), after) {
            (Some(key), Some(after)) if distance(&after) < distance(&key) => Some(after),
            (Some(key), _) => Some(key),
            (None, after) => after,
        }
    }

    /// The demand of all keys before `key`.
    fn before(&self, key: &SliceKey) -> Demand {
        let piece = self.pieces.position_of(key);
        let points = self.points_in(piece);
        let point = points.start + self.points[points].partition_point(|(hot, _)| hot < key);
        self.before_in(key, piece, point)
    }

    /// The demand before `key`, by the index of its piece and the number of points before it.
    fn before_in(&self, key: &SliceKey, piece: usize, point: usize) -> Demand {
        let (slice, demand) = self.pieces.at(piece);
        let part = match slice.width() {
            0 => Demand::NONE,
            width => demand.share(u128::from(key.position() - slice.start().position()), width),
        };
        self.before_pieces[piece] + part + self.before_points[point]
    }

    /// The indexes of the points in a piece.
    fn points_in(&self, piece: usize) -> Range<usize> {
        self.first_points[piece]..self.first_points[piece + 1]
    }

    /// The last 8-byte key or hot key with at most `steady` load before it.
    fn key_at(&self, steady: Load) -> SliceKey {
        let before_piece = |at: usize| self.before_pieces[at] + self.before_points[self.first_points[at]];
        let is_not_after = |before: Demand| before.steady <= steady;
        let all = 0..self.pieces.slice_count();
        let piece = partition_point(all, |at| is_not_after(before_piece(at))).saturating_sub(1);
        let points = self.points_in(piece);
        let first = points.start;
        let point = partition_point(points, |at| is_not_after(self.before_in(&self.points[at].0, piece, at)));

        let (slice, demand) = self.pieces.at(piece);
        let (from, before) = match point.checked_sub(1).filter(|hot| *hot >= first) {
            Some(hot) => (&self.points[hot].0, self.before_in(&self.points[hot].0, piece, hot + 1)),
            None => (slice.start(), before_piece(piece)),
        };
        let rest = steady - before.steady;
        if rest == Load::ZERO || demand.steady == Load::ZERO {
            return from.clone();
        }
        let width = slice.width() * u128::from(rest.milli()) / u128::from(demand.steady.milli());
        let end = slice.end().map_or(u64::MAX, SliceKey::position);
        let position = (u128::from(from.position()) + width).min(u128::from(end));
        SliceKey::from_position(u64::try_from(position).unwrap_or(u64::MAX)).max(from.clone())
    }

    /// The key after a hot key: an 8-byte one if it lies before the next hot key.
    fn after_point(&self, point: usize) -> Option<SliceKey> {
        let key = &self.points[point].0;
        let short = key.position().checked_add(1).map(SliceKey::from_position);
        let is_between = |short: &SliceKey| self.points.get(point + 1).is_none_or(|(next, _)| short <= next);
        short.filter(is_between).or_else(|| key.successor())
    }
}

/// The sum of the demands before each one, and at the end of all.
fn sums_before(demands: impl ExactSizeIterator<Item = Demand>) -> Vec<Demand> {
    let mut sums = Vec::with_capacity(demands.len() + 1);
    let mut sum = Demand::NONE;
    sums.push(sum);
    for demand in demands {
        sum += demand;
        sums.push(sum);
    }
    sums
}

/// The first number of the range for which `is_before` is false; it is false for all after it.
fn partition_point(range: Range<usize>, is_before: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (range.start, range.end);
    while low < high {
        let middle = low + (high - low) / 2;
        if is_before(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

/// [`partition_point`] in `from..end` by galloping search, fast if the result is near `from`.
fn first_not(from: usize, end: usize, is_before: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut step) = (from, 1);
    while low + step <= end && is_before(low + step - 1) {
        low += step;
        step *= 2;
    }
    partition_point(low..end.min(low + step), is_before)
}

/// The number of points before each piece, and at the end of all points.
fn points_before(pieces: &SliceMap<Demand>, points: &[(SliceKey, Demand)]) -> Vec<usize> {
    let mut count = 0;
    let before = |start: &SliceKey| {
        while points.get(count).is_some_and(|(key, _)| key < start) {
            count += 1;
        }
        count
    };
    pieces.starts().map(before).chain([points.len()]).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn slice(start: u64, end: u64) -> Slice {
        Slice::new(SliceKey::from_position(start), Some(SliceKey::from_position(end))).unwrap()
    }

    /// A map of pieces that start at these positions, in thousandths of a unit.
    fn map_of(pieces: &[(u64, u64)]) -> LoadMap {
        let start = |at: u64| {
            if at == 0 {
                SliceKey::EMPTY
            } else {
                SliceKey::from_position(at)
            }
        };
        let piece = |(at, milli): &(u64, u64)| (start(*at), Demand::steady(Load::from_milli(*milli)));
        let pieces = SliceMap::try_from_starts(pieces.iter().map(piece).collect()).unwrap();
        LoadMap::new(pieces, Vec::new())
    }

    #[test]
    fn halves_of_a_piece_carry_half_its_load_each() {
        let map = map_of(&[(0, 1_000), (100, 0)]);
        assert_eq!(map.demand_of(&slice(0, 50)).now, Load::from_milli(500));
        assert_eq!(map.demand_of(&slice(50, 100)).now, Load::from_milli(500));
        assert_eq!(map.demand_of(&slice(100, 200)).now, Load::ZERO);
    }

    #[test]
    fn the_demand_of_a_slice_is_the_sum_of_its_pieces() {
        let map = map_of(&[(0, 7), (10, 5), (30, 0)]);
        assert_eq!(map.demand_of(&slice(0, 30)).now, Load::from_milli(12));
        assert_eq!(map.total().now, Load::from_milli(12));
    }

    /// A map of even pieces with hot keys on top.
    fn any_map() -> impl Strategy<Value = LoadMap> {
        let pieces = prop::collection::btree_map(1_u64..1_000, 0_u64..10_000, 0..8);
        let points = prop::collection::btree_map(0_u64..1_000, 0_u64..10_000, 0..8);
        (pieces, points).prop_map(|(pieces, points)| {
            let demand = |milli| Demand::steady(Load::from_milli(milli));
            let mut starts = vec![(SliceKey::EMPTY, demand(500))];
            starts.extend(
                pieces
                    .iter()
                    .map(|(start, milli)| (SliceKey::from_position(*start), demand(*milli))),
            );
            let points = points
                .iter()
                .map(|(key, milli)| (SliceKey::from_position(*key), demand(*milli)));
            LoadMap::new(SliceMap::try_from_starts(starts).unwrap(), points.collect())
        })
    }

    proptest! {
        #[test]
        fn the_demands_of_slices_add_up_exactly(map in any_map(), split_points in prop::collection::btree_set(1_u64..1_000, 0..8)) {
            let mut starts = vec![(SliceKey::EMPTY, ())];
            starts.extend(split_points.iter().map(|point| (SliceKey::from_position(*point), ())));
            let slices = SliceMap::try_from_starts(starts).unwrap();
            let demands = map.demands_of(&slices);
            let one_by_one: Vec<_> = slices.iter().map(|(slice, ())| map.demand_of(&slice)).collect();
            prop_assert_eq!(&demands, &one_by_one);
            prop_assert_eq!(demands.into_iter().sum::<Demand>(), map.total());
        }

        #[test]
        fn a_split_is_as_close_to_the_wanted_load_as_hot_keys_permit(map in any_map(), wanted in 0_u64..40_000) {
            let wanted = Load::from_milli(wanted).min(map.total().steady);
            let Some(split) = map.split_key(&Slice::FULL, wanted) else { return Ok(()) };
            let (left, _) = Slice::FULL.split_at(&split).unwrap();
            let distance = map.demand_of(&left).steady.milli().abs_diff(wanted.milli());
            let hottest = map.points().iter().map(|(_, demand)| demand.steady.milli()).max().unwrap_or(0);
            let densest = map.pieces.iter().map(|(piece, demand)| u128::from(demand.steady.milli()) / piece.width().max(1) + 1).max();
            prop_assert!(u128::from(distance) <= u128::from(hottest / 2) + 2 * densest.unwrap() + 2, "{} away", distance);
        }
    }

    #[test]
    fn a_slice_of_one_hot_key_has_its_load_although_it_has_no_width() {
        let key = SliceKey::try_new(b"hot").unwrap();
        let alone = Slice::new(key.clone(), key.successor()).unwrap();
        let hot = Demand::steady(Load::from_milli(9_000));
        let map = LoadMap::new(SliceMap::full(Demand::NONE), vec![(key, hot)]);
        assert_eq!(map.demand_of(&alone), hot);
        assert_eq!(map.demand_of(&Slice::FULL), hot);
    }
}
