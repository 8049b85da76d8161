//! The load map: how load is spread over the key space.

use super::{Load, LoadReport};
use crate::keyspace::{Slice, SliceKey, SliceMap};

/// Load density over the key space: even inside each piece, so any slice has a load, whatever was cut since it was
/// measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadMap {
    pieces: SliceMap<Load>,
}

impl LoadMap {
    /// No load anywhere.
    #[must_use]
    pub fn idle() -> Self {
        Self {
            pieces: SliceMap::full(Load::ZERO),
        }
    }

    /// What all reports together say. Replicas of a slice report their own share each, so shares add up.
    pub fn from_reports<'a>(reports: impl IntoIterator<Item = &'a LoadReport>) -> Self {
        let measured: Vec<_> = reports.into_iter().flat_map(|report| &report.slices).collect();
        let ends = measured.iter().filter_map(|(slice, _)| slice.end());
        let mut starts: Vec<SliceKey> = measured
            .iter()
            .map(|(slice, _)| slice.start())
            .chain(ends)
            .cloned()
            .collect();
        starts.push(SliceKey::EMPTY);
        starts.sort_unstable();
        starts.dedup();
        let mut loads = vec![Load::ZERO; starts.len()];
        for (slice, load) in measured {
            let first = starts.partition_point(|start| start < slice.start());
            let end = slice
                .end()
                .map_or(starts.len(), |end| starts.partition_point(|start| start < end));
            for at in first..end {
                let piece = Slice::new(starts[at].clone(), starts.get(at + 1).cloned()).expect("starts are distinct");
                loads[at] += part_of(*load, &piece, slice);
            }
        }
        let pieces = starts.into_iter().zip(loads).collect();
        Self {
            pieces: SliceMap::try_from_starts(pieces).expect("starts are sorted, distinct and begin at the empty key"),
        }
    }

    /// The load of a slice.
    #[must_use]
    pub fn load_of(&self, slice: &Slice) -> Load {
        let overlapping = self.pieces.overlapping(slice);
        overlapping
            .filter_map(|(piece, load)| slice.intersection(&piece).map(|common| part_of(*load, &common, &piece)))
            .sum()
    }

    /// The load of all keys.
    #[must_use]
    pub fn total(&self) -> Load {
        self.pieces.values().copied().sum()
    }
}

/// The part of a slice's load that falls on `part` of it, by width; a slice too narrow to have one lies on its start.
fn part_of(load: Load, part: &Slice, whole: &Slice) -> Load {
    match whole.width() {
        _ if part == whole => load,
        0 if part.start() == whole.start() => load,
        0 => Load::ZERO,
        width => load.share(part.width(), width),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn slice(start: u64, end: u64) -> Slice {
        Slice::new(SliceKey::from_position(start), Some(SliceKey::from_position(end))).unwrap()
    }

    fn report(slices: &[(Slice, u64)]) -> LoadReport {
        LoadReport {
            window: Duration::from_secs(1),
            slices: slices
                .iter()
                .map(|(slice, milli)| (slice.clone(), Load::from_milli(*milli)))
                .collect(),
            hottest: Vec::new(),
        }
    }

    #[test]
    fn halves_of_a_measured_slice_carry_half_its_load_each() {
        let map = LoadMap::from_reports([&report(&[(slice(0, 100), 1_000)])]);
        assert_eq!(map.load_of(&slice(0, 50)), Load::from_milli(500));
        assert_eq!(map.load_of(&slice(50, 100)), Load::from_milli(500));
        assert_eq!(map.load_of(&slice(100, 200)), Load::ZERO);
    }

    #[test]
    fn a_merged_slice_carries_what_its_parts_had() {
        let map = LoadMap::from_reports([&report(&[(slice(0, 10), 7), (slice(10, 30), 5)])]);
        assert_eq!(map.load_of(&slice(0, 30)), Load::from_milli(12));
        assert_eq!(map.total(), Load::from_milli(12));
    }

    #[test]
    fn the_shares_of_replicas_add_up() {
        let shares = [report(&[(slice(0, 10), 3)]), report(&[(slice(0, 10), 4)])];
        assert_eq!(
            LoadMap::from_reports(&shares).load_of(&slice(0, 10)),
            Load::from_milli(7)
        );
    }

    #[test]
    fn one_hot_key_keeps_its_load_although_it_has_no_width() {
        let key = SliceKey::try_new(b"hot").unwrap();
        let alone = Slice::new(key.clone(), key.successor()).unwrap();
        let map = LoadMap::from_reports([&report(&[(alone.clone(), 9_000)])]);
        assert_eq!(map.load_of(&alone), Load::from_milli(9_000));
        assert_eq!(map.load_of(&Slice::FULL), Load::from_milli(9_000));
    }
}
