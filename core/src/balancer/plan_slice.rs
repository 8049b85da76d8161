//! A slice while an assignment is being planned.

use super::pricing::Pricing;
use crate::assignment::{Phase, PodIndex, ReplicaSet};
use crate::keyspace::{Slice, SliceKey};
use crate::load::Demand;

/// One slice.
#[derive(Clone)]
pub(super) struct PlanSlice {
    pub(super) slice: Slice,
    pub(super) replicas: ReplicaSet,
    /// What its keys ask.
    pub(super) demand: Demand,
    /// What it costs all its owners together.
    pub(super) cost: Demand,
    /// Whether its owner may be changed for the sake of balance.
    pub(super) hold: Hold,
}

/// What keeps a slice where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Hold {
    /// Nothing.
    Free,
    /// It was moved a while ago, and rests unless its pod is overloaded.
    Resting,
    /// It was moved just now, or is still changing hands.
    Moving,
    /// Its owners crashed one after the other.
    Poisoned,
    /// An operator has bound it to a pod.
    Pinned(PodIndex),
}

impl PlanSlice {
    pub(super) fn new(slice: Slice, replicas: ReplicaSet, demand: Demand, pricing: &Pricing) -> Self {
        Self {
            hold: Hold::Free,
            cost: pricing.cost_of(&slice, demand),
            slice,
            replicas,
            demand,
        }
    }

    /// What it costs each of its owners; all of it while it has none. Each owner has all of its memory.
    pub(super) fn cost_per_owner(&self) -> Demand {
        let owner_count = self.owner_count().max(1) as u128;
        Demand {
            memory: self.cost.memory,
            ..self.cost.share(1, owner_count)
        }
    }

    pub(super) fn owner_count(&self) -> usize {
        self.replicas.serving().count()
    }

    /// Whether a pod is still getting it ready, or giving it up.
    pub(super) fn is_changing_hands(&self) -> bool {
        self.replicas.iter().any(|replica| replica.phase != Phase::Serving)
    }

    /// The parts before and from `key`, with the same owners.
    pub(super) fn cut_at(&self, key: &SliceKey, pricing: &Pricing) -> Option<[PlanSlice; 2]> {
        let (left, right) = self.slice.split_at(key)?;
        let demand = pricing.load.demand_of(&left);
        let part = |slice: Slice, demand: Demand| PlanSlice {
            hold: self.hold,
            ..Self::new(slice, self.replicas.clone(), demand, pricing)
        };
        Some([part(left, demand), part(right, self.demand - demand)])
    }

    /// The two halves by load, or by width where there is next to none; `None` for a slice that is one key.
    pub(super) fn halved(&self, pricing: &Pricing) -> Option<[PlanSlice; 2]> {
        let half = self.demand.steady.share(1, 2);
        let by_load = || pricing.load.cut(&self.slice, half);
        let reserve = self.cost.now - self.demand.now;
        let key = match half > reserve {
            true => by_load().or_else(|| self.slice.middle()),
            false => self.slice.middle().or_else(by_load),
        };
        self.cut_at(&key?, pricing)
    }
}
