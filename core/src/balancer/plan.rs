//! The plan: the assignment while the phases of a decision change it, with the cost of each pod.

use super::decision::{Balance, Move, MoveCause};
use super::handoff::HandoffProgress;
use super::plan_pod::{PlanPod, PodAvailability};
use super::plan_slice::PlanSlice;
use super::pricing::Pricing;
use super::signals::Signals;
use crate::assignment::{Assignment, PodIndex, Proposal, Replica};
use crate::keyspace::SliceMap;
use crate::load::{Demand, Load};
use crate::pod::{Pod, PodName};

/// The state that the phases of a decision read and change. Slices and pods are referred to by index.
pub(super) struct Plan {
    pods: Vec<PlanPod>,
    slices: Vec<PlanSlice>,
    moves: Vec<Move>,
    is_changed: bool,
}

/// The result of a plan.
pub(super) struct PlanOutcome {
    /// The proposed assignment; `None` if nothing has changed.
    pub(super) proposal: Option<Proposal>,
    /// The slices that get a new owner.
    pub(super) moves: Vec<Move>,
    /// The slices that switch to an owner that was warming.
    pub(super) switch_count: usize,
}

impl Plan {
    pub(super) fn of(assignment: &Assignment, signals: &Signals, pricing: &Pricing) -> Self {
        let pods = PlanPod::all(assignment, signals);
        let index = |pod: &Pod| {
            let found = pods.binary_search_by(|planned| planned.pod.name.cmp(&pod.name));
            PodIndex::from(found.expect("the plan holds every pod of the assignment"))
        };
        let indexes: Vec<PodIndex> = assignment.pods().iter().map(index).collect();
        let slices = assignment
            .slices()
            .iter()
            .zip(signals.load.demands_of(assignment.slices()));
        let slices = slices.map(|((slice, state), demand)| {
            let renumbered = |replica: Replica| Replica {
                pod: indexes[replica.pod.as_usize()],
                ..replica
            };
            PlanSlice::new(slice, state.replicas.iter().map(renumbered).collect(), demand, pricing)
        });
        let mut plan = Self {
            slices: slices.collect(),
            is_changed: pods.iter().any(|pod| pod.is_changed),
            pods,
            moves: Vec::new(),
        };
        plan.recompute_costs();
        plan.mark_joined_pods();
        plan
    }

    pub(super) fn pods(&self) -> &[PlanPod] {
        &self.pods
    }

    pub(super) fn pod(&self, pod: PodIndex) -> &PlanPod {
        &self.pods[pod.as_usize()]
    }

    /// The index of a pod, if it is live or has a replica.
    pub(super) fn index_of(&self, name: &PodName) -> Option<PodIndex> {
        let found = self.pods.binary_search_by(|planned| planned.pod.name.cmp(name));
        found.ok().map(PodIndex::from)
    }

    pub(super) fn slices(&self) -> &[PlanSlice] {
        &self.slices
    }

    pub(super) fn slice_mut(&mut self, slice: usize) -> &mut PlanSlice {
        &mut self.slices[slice]
    }

    /// The pods that may own slices.
    pub(super) fn owners(&self) -> impl Iterator<Item = PodIndex> {
        let is_owner = |(_, pod): &(usize, &PlanPod)| pod.availability == PodAvailability::Eligible;
        self.pods.iter().enumerate().filter(is_owner).map(|(at, _)| at.into())
    }

    pub(super) fn may_own(&self, pod: PodIndex) -> bool {
        self.pod(pod).availability == PodAvailability::Eligible
    }

    /// The cost of all slices, in milli-units a second.
    pub(super) fn owner_cost(&self) -> u128 {
        let cost: Demand = self.slices.iter().map(|planned| planned.cost).sum();
        u128::from(cost.peak().milli())
    }

    /// The weight of all pods that may own slices, in thousandths; at least 1.
    pub(super) fn owner_weight(&self) -> u128 {
        let weights = self
            .owners()
            .map(|pod| u128::from(self.pod(pod).pod.weight.thousandths()));
        weights.sum::<u128>().max(1)
    }

    /// Makes the pod an owner of the slice, instead of `from` or beside the other owners.
    pub(super) fn assign(&mut self, slice: usize, to: PodIndex, from: Option<PodIndex>, cause: MoveCause) {
        let owner_count = self.slices[slice].owner_count().max(1) as u128;
        let load = self.slices[slice].demand.now.share(1, owner_count);
        let relieved = from.map(|from| (from, self.pod(from).cost.peak()));
        self.change(slice, |planned| {
            planned.add_owner(to);
            if let Some(from) = from {
                planned.remove_owner(from);
            }
        });
        let name = |pod: PodIndex| self.pod(pod).pod.name.clone();
        self.moves.push(Move {
            slice: self.slices[slice].slice.clone(),
            from: from.map(name),
            to: name(to),
            load,
            gain: relieved.map_or(Load::ZERO, |(from, before)| before - self.pod(from).cost.peak()),
            cause,
        });
    }

    /// Ends the ownership of the pod; its replica leaves.
    pub(super) fn release(&mut self, slice: usize, pod: PodIndex) {
        self.change(slice, |planned| planned.remove_owner(pod));
    }

    /// Makes a former owner an owner again, without a move.
    pub(super) fn resume(&mut self, slice: usize, pod: PodIndex) {
        self.change(slice, |planned| planned.add_owner(pod));
    }

    /// Removes the replica of the pod, which is lost.
    pub(super) fn remove(&mut self, slice: usize, pod: PodIndex) {
        self.change(slice, |planned| {
            planned.before.remove(pod);
            planned.remove_owner(pod);
        });
    }

    /// Replaces the slices by ones that were split or merged; owners do not change.
    pub(super) fn replace_slices(&mut self, slices: Vec<PlanSlice>) {
        self.is_changed = true;
        self.slices = slices;
        self.recompute_costs();
    }

    /// The spread of load over the pods that may own slices.
    pub(super) fn balance(&self) -> Balance {
        let mut loads = vec![Load::ZERO; self.pods.len()];
        for slice in &self.slices {
            let owner_count = slice.owner_count() as u128;
            for pod in slice.owners() {
                loads[pod.as_usize()] += slice.demand.now.share(1, owner_count);
            }
        }
        let load_of = |pod: PodIndex| u128::from(loads[pod.as_usize()].milli());
        let weight_of = |pod: PodIndex| u128::from(self.pod(pod).pod.weight.thousandths());
        let relative = || self.owners().map(|pod| load_of(pod) * 1_000 / weight_of(pod));
        let total: u128 = self.owners().map(load_of).sum();
        let as_load = |milli: u128| Load::from_milli(u64::try_from(milli).unwrap_or(u64::MAX));
        Balance {
            min: as_load(relative().min().unwrap_or(0)),
            mean: as_load(total * 1_000 / self.owner_weight()),
            max: as_load(relative().max().unwrap_or(0)),
        }
    }

    /// The next step towards the planned owners.
    pub(super) fn into_next(self, progress: &HandoffProgress) -> PlanOutcome {
        let mut next = PlanOutcome {
            proposal: None,
            moves: self.moves,
            switch_count: 0,
        };
        let name = |pod: PodIndex| &self.pods[pod.as_usize()].pod.name;
        let is_handoff_due = || self.slices.iter().any(|planned| planned.is_handoff_due(progress, name));
        if !self.is_changed && !is_handoff_due() {
            return next;
        }
        let entries = self.slices.iter().map(|planned| {
            let replicas = planned.next_replicas(progress, name);
            next.switch_count += usize::from(planned.is_switched_by(&replicas));
            (planned.slice.start().clone(), replicas)
        });
        let slices = SliceMap::try_from_starts(entries.collect()).expect("splitting slices keeps them in order");
        next.proposal = Some(Proposal {
            pods: self.pods.into_iter().map(|planned| planned.pod).collect(),
            slices,
        });
        next
    }

    /// Changes a slice, and updates the costs of its owners.
    fn change(&mut self, slice: usize, change: impl FnOnce(&mut PlanSlice)) {
        self.is_changed = true;
        let planned = &mut self.slices[slice];
        let before = planned.cost_per_owner();
        planned
            .owners()
            .for_each(|pod| self.pods[pod.as_usize()].cost -= before);
        change(planned);
        let after = planned.cost_per_owner();
        planned.owners().for_each(|pod| self.pods[pod.as_usize()].cost += after);
    }

    fn recompute_costs(&mut self) {
        self.pods.iter_mut().for_each(|pod| pod.cost = Demand::NONE);
        for planned in &self.slices {
            let share = planned.cost_per_owner();
            planned.owners().for_each(|pod| self.pods[pod.as_usize()].cost += share);
        }
    }

    fn mark_joined_pods(&mut self) {
        self.pods
            .iter_mut()
            .for_each(|pod| pod.has_joined = pod.availability == PodAvailability::Eligible);
        for pod in self.slices.iter().flat_map(|planned| planned.owners()) {
            self.pods[pod.as_usize()].has_joined = false;
        }
    }
}
