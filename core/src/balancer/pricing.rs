//! Pricing: the cost of a slice for the pods that own it.

use crate::keyspace::Slice;
use crate::load::{Demand, Load, LoadMap};

/// Converts demand to cost. Both rates count, since a pod must bear the larger one, so they are made comparable: the spread of
/// load follows the steady rates, its total the current ones.
pub(super) struct Pricing<'a> {
    pub(super) load: &'a LoadMap,
    total: Demand,
    /// Load that is added evenly over the key space, in milli-units a second, so that slices without measured load have a
    /// cost, too, and are spread evenly.
    reserve: u128,
}

impl<'a> Pricing<'a> {
    /// The reserve is a thousandth of the total load, but at least one unit for each pod.
    pub(super) fn of(load: &'a LoadMap, pod_count: usize) -> Self {
        let total = load.total();
        Self {
            load,
            total,
            reserve: (u128::from(total.now.milli()) / 1_000).max(pod_count as u128 * 1_000),
        }
    }

    /// The cost of a slice with this demand.
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

    /// The demands of hot keys with either rate above `milli`, with scaled steady rates.
    pub(super) fn points_above(&self, milli: u128) -> impl Iterator<Item = Demand> {
        let now = u64::try_from(milli).unwrap_or(u64::MAX);
        let unscaled = milli * u128::from(self.total.steady.milli()) / u128::from(self.total.now.milli().max(1));
        let steady = u64::try_from(unscaled).unwrap_or(u64::MAX);
        let points = self.load.points().iter().map(|(_, demand)| *demand);
        let above = points.filter(move |demand| demand.now.milli() > now || demand.steady.milli() > steady);
        above.map(|demand| self.scaled(demand))
    }

    /// The demand with its steady rate scaled so that the total steady rate equals the current rate.
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
