//! A slice in a plan.

use smallvec::SmallVec;

use super::pricing::Pricing;
use crate::assignment::{Phase, PodIndex, ReplicaSet};
use crate::keyspace::{Slice, SliceKey};
use crate::load::Demand;

/// One slice with its planned owners; [`handoff`](super::handoff) computes the steps that lead there.
#[derive(Clone)]
pub(super) struct PlanSlice {
    pub(super) slice: Slice,
    /// The current replicas, without lost ones.
    pub(super) before: ReplicaSet,
    /// The planned owners, by index.
    owners: SmallVec<[PodIndex; 2]>,
    /// The demand of its keys.
    pub(super) demand: Demand,
    /// The cost for all its owners together.
    pub(super) cost: Demand,
    /// Whether balance may move it.
    pub(super) hold: SliceHold,
}

/// The reason why balance may not move a slice; the last one is the strongest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SliceHold {
    /// No reason: balance may move it.
    Free,
    /// It moved for balance less than 90 s ago; only an overloaded pod may give it away.
    Cooldown,
    /// It moved in this round, or a handoff is in progress.
    Moving,
    /// Its owners crashed one after the other.
    Poisoned,
    /// An operator has pinned it to a pod.
    Pinned(PodIndex),
}

impl PlanSlice {
    pub(super) fn new(slice: Slice, replicas: ReplicaSet, demand: Demand, pricing: &Pricing) -> Self {
        let owners = replicas.iter().filter(|replica| replica.phase.is_final_owner());
        Self {
            hold: SliceHold::Free,
            cost: pricing.cost_of(&slice, demand),
            owners: owners.map(|replica| replica.pod).collect(),
            before: replicas,
            slice,
            demand,
        }
    }

    /// The planned owners, by index.
    pub(super) fn owners(&self) -> impl Iterator<Item = PodIndex> {
        self.owners.iter().copied()
    }

    pub(super) fn owner_count(&self) -> usize {
        self.owners.len()
    }

    pub(super) fn is_owned_by(&self, pod: PodIndex) -> bool {
        self.owners.binary_search(&pod).is_ok()
    }

    /// Whether the pod is a planned owner or has a replica.
    pub(super) fn has_part(&self, pod: PodIndex) -> bool {
        self.is_owned_by(pod) || self.before.phase_of(pod).is_some()
    }

    /// Whether the pod is giving it up, and so has it warm.
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

    /// The cost for each of its owners; the whole cost while it has none. Each owner needs all of its memory.
    pub(super) fn cost_per_owner(&self) -> Demand {
        let owner_count = self.owner_count().max(1) as u128;
        Demand {
            memory: self.cost.memory,
            ..self.cost.share(1, owner_count)
        }
    }

    /// Whether a handoff is in progress.
    pub(super) fn is_in_handoff(&self) -> bool {
        self.before.iter().any(|replica| replica.phase != Phase::Serving)
    }

    /// Whether the two have the same replicas and the same planned owners.
    pub(super) fn has_same_owners_as(&self, other: &PlanSlice) -> bool {
        self.owners == other.owners && self.before == other.before
    }

    /// The parts before `key` and from `key` on, with the same owners.
    pub(super) fn split_at(&self, key: &SliceKey, pricing: &Pricing) -> Option<[PlanSlice; 2]> {
        let (left, right) = self.slice.split_at(key)?;
        let demand = pricing.load.demand_of(&left);
        Some([
            self.with_bounds(left, demand, pricing),
            self.with_bounds(right, self.demand - demand, pricing),
        ])
    }

    /// This slice merged with `right`, which follows it and has the same owners.
    pub(super) fn merged_with(&self, right: &PlanSlice, pricing: &Pricing) -> PlanSlice {
        let slice = Slice::new(self.slice.start().clone(), right.slice.end().cloned());
        let slice = slice.expect("the right slice ends after the left one starts");
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

    /// Two halves by load, or by width if there is nearly no load; `None` for a single key.
    pub(super) fn halved(&self, pricing: &Pricing) -> Option<[PlanSlice; 2]> {
        let half = self.demand.steady.share(1, 2);
        let by_load = || pricing.load.split_key(&self.slice, half);
        let reserve = self.cost.now - self.demand.now;
        let key = match half > reserve {
            true => by_load().or_else(|| self.slice.middle()),
            false => self.slice.middle().or_else(by_load),
        };
        self.split_at(&key?, pricing)
    }
}
