//! Pricing: what a slice costs the pods that own it.

use crate::keyspace::Slice;
use crate::load::{Demand, Load, LoadMap};

/// How demand becomes cost. Both rates count, for a pod must bear the larger one, and they are made comparable: the
/// steady rates tell how load is spread, the present ones how much there is.
pub(super) struct Pricing<'a> {
    pub(super) load: &'a LoadMap,
    total: Demand,
    /// Load that is set aside for all keys alike, in milli-units a second, so that slices that nobody has measured yet
    /// weigh something too and unloaded slices are dealt out evenly.
    reserve: u128,
}

impl<'a> Pricing<'a> {
    /// A thousandth of the whole load is set aside, but at least one unit for each pod.
    pub(super) fn of(load: &'a LoadMap, pod_count: usize) -> Self {
        let total = load.total();
        Self {
            load,
            total,
            reserve: (u128::from(total.now.milli()) / 1_000).max(pod_count as u128 * 1_000),
        }
    }

    /// What the slice costs, if its keys ask so much.
    pub(super) fn cost_of(&self, slice: &Slice, demand: Demand) -> Demand {
        // Positions have 64 bits; without the lowest 20 of a width the product has at most 64 + 44 bits.
        let reserve = load_of((self.reserve * (slice.width() >> 20)) >> 44);
        let scaled = self.scaled(demand);
        Demand {
            now: scaled.now + reserve,
            steady: scaled.steady + reserve,
            memory: demand.memory,
        }
    }

    /// What hot keys ask of which either rate is above `milli`, with scaled steady rates.
    pub(super) fn points_above(&self, milli: u128) -> impl Iterator<Item = Demand> {
        let now = u64::try_from(milli).unwrap_or(u64::MAX);
        let unscaled = milli * u128::from(self.total.steady.milli()) / u128::from(self.total.now.milli().max(1));
        let steady = u64::try_from(unscaled).unwrap_or(u64::MAX);
        let points = self.load.points().iter().map(|(_, demand)| *demand);
        let above = points.filter(move |demand| demand.now.milli() > now || demand.steady.milli() > steady);
        above.map(|demand| self.scaled(demand))
    }

    /// The demand with a steady rate as it would be if the total were what it is now.
    pub(super) fn scaled(&self, demand: Demand) -> Demand {
        let (now, steady) = (self.total.now.milli(), self.total.steady.milli());
        if now == 0 || steady == 0 {
            return demand;
        }
        let scaled = u128::from(demand.steady.milli()) * u128::from(now) / u128::from(steady);
        Demand {
            steady: load_of(scaled),
            ..demand
        }
    }
}

fn load_of(milli: u128) -> Load {
    Load::from_milli(u64::try_from(milli).unwrap_or(u64::MAX))
}
