//! A slice while an assignment is being planned.

use smallvec::SmallVec;

use super::pricing::Pricing;
use crate::assignment::{Phase, PodIndex, ReplicaSet};
use crate::keyspace::{Slice, SliceKey};
use crate::load::Demand;

/// One slice. Who is to own it is planned without a thought to how it gets there: see [`handoff`](super::handoff).
#[derive(Clone)]
pub(super) struct PlanSlice {
    pub(super) slice: Slice,
    /// The replicas as they are, without those that are lost.
    pub(super) before: ReplicaSet,
    /// The pods that are to own it, in order.
    owners: SmallVec<[PodIndex; 2]>,
    /// What its keys ask.
    pub(super) demand: Demand,
    /// What it costs all its owners together.
    pub(super) cost: Demand,
    /// Whether its owner may be changed for the sake of balance.
    pub(super) hold: SliceHold,
}

/// What keeps a slice where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SliceHold {
    /// Nothing.
    Free,
    /// It was moved a while ago, and rests unless its pod is overloaded.
    Cooldown,
    /// It was moved just now, or is still changing hands.
    Moving,
    /// Its owners crashed one after the other.
    Poisoned,
    /// An operator has bound it to a pod.
    Pinned(PodIndex),
}

impl PlanSlice {
    pub(super) fn new(slice: Slice, replicas: ReplicaSet, demand: Demand, pricing: &Pricing) -> Self {
        let staying = replicas.iter().filter(|replica| replica.phase.is_final_owner());
        Self {
            hold: SliceHold::Free,
            cost: pricing.cost_of(&slice, demand),
            owners: staying.map(|replica| replica.pod).collect(),
            before: replicas,
            slice,
            demand,
        }
    }

    /// The pods that are to own it, in order.
    pub(super) fn owners(&self) -> impl Iterator<Item = PodIndex> {
        self.owners.iter().copied()
    }

    pub(super) fn owner_count(&self) -> usize {
        self.owners.len()
    }

    pub(super) fn is_owned_by(&self, pod: PodIndex) -> bool {
        self.owners.binary_search(&pod).is_ok()
    }

    /// Whether the pod is to own it, or had a part in it.
    pub(super) fn has_part(&self, pod: PodIndex) -> bool {
        self.is_owned_by(pod) || self.before.phase_of(pod).is_some()
    }

    /// Whether the pod gives it up, and has it warm.
    pub(super) fn is_given_up_by(&self, pod: PodIndex) -> bool {
        let is_warm = self.before.phase_of(pod).is_some_and(|phase| phase != Phase::Warming);
        is_warm && !self.is_owned_by(pod)
    }

    pub(super) fn add_owner(&mut self, pod: PodIndex) {
        if let Err(at) = self.owners.binary_search(&pod) {
            self.owners.insert(at, pod);
        }
    }

    pub(super) fn remove_owner(&mut self, pod: PodIndex) {
        self.owners.retain(|owner| *owner != pod);
    }

    /// What it costs each of its owners; all of it while it has none. Each owner has all of its memory.
    pub(super) fn cost_per_owner(&self) -> Demand {
        let owner_count = self.owner_count().max(1) as u128;
        Demand {
            memory: self.cost.memory,
            ..self.cost.share(1, owner_count)
        }
    }

    /// Whether a pod is still getting it ready, or giving it up.
    pub(super) fn is_changing_hands(&self) -> bool {
        self.before.iter().any(|replica| replica.phase != Phase::Serving)
    }

    /// Whether the two are in the same hands, and are to stay so.
    pub(super) fn is_held_like(&self, other: &PlanSlice) -> bool {
        self.owners == other.owners && self.before == other.before
    }

    /// The parts before and from `key`, with the same owners.
    pub(super) fn cut_at(&self, key: &SliceKey, pricing: &Pricing) -> Option<[PlanSlice; 2]> {
        let (left, right) = self.slice.split_at(key)?;
        let demand = pricing.load.demand_of(&left);
        Some([
            self.with_bounds(left, demand, pricing),
            self.with_bounds(right, self.demand - demand, pricing),
        ])
    }

    /// One slice of this and `right`, which follows it and is held like it.
    pub(super) fn joined_with(&self, right: &PlanSlice, pricing: &Pricing) -> PlanSlice {
        let slice = Slice::new(self.slice.start().clone(), right.slice.end().cloned());
        let slice = slice.expect("the end of the right one comes after the start of the left one");
        self.with_bounds(slice, self.demand + right.demand, pricing)
    }

    fn with_bounds(&self, slice: Slice, demand: Demand, pricing: &Pricing) -> PlanSlice {
        Self {
            cost: pricing.cost_of(&slice, demand),
            slice,
            demand,
            hold: self.hold,
            before: self.before.clone(),
            owners: self.owners.clone(),
        }
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
