//! The key space in bands: runs of consecutive slices, for a picture of a key space of any size.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::slice_explanation::hottest_of;
use crate::assignment::{Assignment, PodIndex, SliceState};
use crate::keyspace::{Slice, SliceKey};
use crate::load::{Demand, Load, LoadMap};
use crate::pod::PodName;

/// The most hot keys that a picture names.
const HOTTEST_MAX: usize = 12;

/// The whole key space of an assignment, and its hottest keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySpaceBands {
    /// In key order; together they cover every key once.
    pub bands: Vec<KeyBand>,
    /// The hottest one first; at most twelve.
    pub hottest: Vec<OwnedHotKey>,
    /// How many keys are known to be hot.
    pub hot_key_count: usize,
}

/// A run of consecutive slices. Bands have equally many slices, not equal widths: where load is dense, slices are narrow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyBand {
    /// All keys of its slices.
    pub slice: Slice,
    /// How many slices it has; at least one.
    pub slice_count: usize,
    /// The load of its keys.
    pub load: Load,
    /// The pod that serves the most load of it, then the most slices; `None` if no pod serves any.
    pub owner: Option<PodName>,
    /// How many pods serve a part of it.
    pub owner_count: usize,
    /// How many of its slices warm at a next owner.
    pub moving_count: usize,
    /// How many of its slices no pod serves.
    pub unserved_count: usize,
}

/// A hot key, and the pods that serve it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "fields are named by their types")]
pub struct OwnedHotKey {
    pub key: SliceKey,
    pub load: Load,
    pub owners: Vec<PodName>,
}

impl KeySpaceBands {
    /// The key space in at most `band_count_max` bands, and at least one.
    #[must_use]
    pub fn of(assignment: &Assignment, load: &LoadMap, band_count_max: usize) -> Self {
        let slices = assignment.slices();
        let demands = load.demands_of(slices);
        let slice_count = slices.slice_count();
        let band_count = band_count_max.clamp(1, slice_count);
        let bound = |band: usize| slice_count * band / band_count;
        let bands = (0..band_count).map(|band| {
            let parts: Vec<BandPart<'_>> = (bound(band)..bound(band + 1))
                .map(|at| BandPart {
                    state: slices.at(at).1,
                    demand: demands[at],
                })
                .collect();
            let start = slices.at(bound(band)).0.start().clone();
            let end = slices.at(bound(band + 1) - 1).0.end().cloned();
            let slice = Slice::new(start, end).expect("a run of slices is not empty");
            band_of(assignment, slice, &parts)
        });
        let hottest = hottest_of(load.points(), HOTTEST_MAX).into_iter();
        Self {
            bands: bands.collect(),
            hottest: hottest.map(|hot| owned(assignment, hot)).collect(),
            hot_key_count: load.points().len(),
        }
    }
}

/// One slice of a band.
struct BandPart<'a> {
    state: &'a SliceState,
    demand: Demand,
}

fn band_of(assignment: &Assignment, slice: Slice, parts: &[BandPart<'_>]) -> KeyBand {
    let mut owners: BTreeMap<PodIndex, (Load, usize)> = BTreeMap::new();
    for part in parts {
        let owner_count = part.state.replicas.serving().count() as u128;
        for pod in part.state.replicas.serving() {
            let (load, slice_count) = owners.entry(pod).or_default();
            *load += part.demand.now.share(1, owner_count);
            *slice_count += 1;
        }
    }
    let most = owners.iter().max_by_key(|(pod, served)| (**served, Reverse(**pod)));
    let count = |is_counted: fn(&SliceState) -> bool| parts.iter().filter(|part| is_counted(part.state)).count();
    KeyBand {
        slice,
        slice_count: parts.len(),
        load: parts.iter().map(|part| part.demand.now).sum(),
        owner: most.map(|(pod, _)| assignment.pod(*pod).name.clone()),
        owner_count: owners.len(),
        moving_count: count(|state| state.replicas.warming().next().is_some()),
        unserved_count: count(SliceState::is_unserved),
    }
}

fn owned(assignment: &Assignment, (key, demand): (SliceKey, Demand)) -> OwnedHotKey {
    let (_, state) = assignment.get(&key);
    let owners = state.replicas.serving().map(|pod| assignment.pod(pod).name.clone());
    OwnedHotKey {
        owners: owners.collect(),
        load: demand.now,
        key,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assignment::{Phase, Proposal, ReplicaSet};
    use crate::keyspace::SliceMap;
    use crate::pod::fixtures::{pod, pod_name};

    /// Slices of equal width, each with these replicas.
    fn assigned(replicas: &[&[(usize, Phase)]]) -> Assignment {
        let width = (u64::MAX / replicas.len() as u64) + 1;
        let slices = replicas.iter().enumerate().map(|(number, pods)| {
            let start = match number as u64 * width {
                0 => SliceKey::EMPTY,
                position => SliceKey::from_position(position),
            };
            let mut set = ReplicaSet::none();
            pods.iter().for_each(|(pod, phase)| set.set((*pod).into(), *phase));
            (start, set)
        });
        let proposal = Proposal {
            pods: vec![pod(0), pod(1)],
            slices: SliceMap::try_from_starts(slices.collect()).unwrap(),
        };
        proposal.after(&Assignment::unassigned()).unwrap()
    }

    #[test]
    fn each_slice_is_a_band_while_there_is_room() {
        use Phase::{Serving, Warming, Yielding};
        let assignment = assigned(&[&[(0, Serving)], &[(0, Yielding), (1, Warming)], &[], &[(1, Serving)]]);
        let hot = SliceKey::from_position(7);
        let load = LoadMap::new(
            SliceMap::full(Demand::steady(Load::from_units(40))),
            vec![(hot.clone(), Demand::steady(Load::from_units(5)))],
        );
        let picture = KeySpaceBands::of(&assignment, &load, 100);
        let owners: Vec<_> = picture.bands.iter().map(|band| band.owner.clone()).collect();
        assert_eq!(owners, [Some(pod_name(0)), Some(pod_name(0)), None, Some(pod_name(1))]);
        let counts = picture
            .bands
            .iter()
            .map(|band| (band.moving_count, band.unserved_count));
        assert_eq!(counts.collect::<Vec<_>>(), [(0, 0), (1, 0), (0, 1), (0, 0)]);
        assert_eq!(
            (picture.bands[0].load, picture.bands[1].load.milli()),
            (Load::from_units(15), 10_000)
        );
        let expected = OwnedHotKey {
            key: hot,
            load: Load::from_units(5),
            owners: vec![pod_name(0)],
        };
        assert_eq!((picture.hottest, picture.hot_key_count), (vec![expected], 1));
    }

    #[test]
    fn bands_cover_every_key_once_however_few_there_are() {
        let serving: &[(usize, Phase)] = &[(0, Phase::Serving)];
        let other: &[(usize, Phase)] = &[(1, Phase::Serving)];
        let assignment = assigned(&[serving, other, other, serving, serving, other, serving]);
        for count in [0, 1, 2, 3, 7, 9] {
            let bands = KeySpaceBands::of(&assignment, &LoadMap::idle(), count).bands;
            assert_eq!(bands.len(), count.clamp(1, 7));
            assert_eq!(bands.iter().map(|band| band.slice_count).sum::<usize>(), 7);
            assert_eq!(bands[0].slice.start(), &SliceKey::EMPTY);
            assert_eq!(bands.last().unwrap().slice.end(), None);
            let meet = bands
                .windows(2)
                .all(|pair| pair[0].slice.end() == Some(pair[1].slice.start()));
            assert!(meet, "{bands:?}");
        }
        let whole = &KeySpaceBands::of(&assignment, &LoadMap::idle(), 1).bands[0];
        assert_eq!((whole.owner.clone(), whole.owner_count), (Some(pod_name(0)), 2));
    }
}
