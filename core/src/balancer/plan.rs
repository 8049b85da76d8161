//! The plan: the assignment while it is being changed, with the sums that the phases go by.

use super::decision::{Balance, Cause, Move};
use super::plan_pod::{PlanPod, Standing};
use super::plan_slice::{PlanSlice, Reserve};
use super::signals::Signals;
use crate::assignment::{Assignment, Phase, PodIndex, Proposal};
use crate::keyspace::SliceMap;
use crate::load::Load;

/// All that the phases read and change. Slices and pods are named by their place.
pub(super) struct Plan {
    pods: Vec<PlanPod>,
    slices: Vec<PlanSlice>,
    moves: Vec<Move>,
    split_count: usize,
}

impl Plan {
    pub(super) fn of(assignment: &Assignment, signals: &Signals) -> Self {
        let pods = PlanPod::all(assignment, signals);
        let place = |pod: PodIndex| {
            let name = &assignment.pod(pod).name;
            let found = pods.binary_search_by(|planned| planned.pod.name.cmp(name));
            PodIndex::from(found.expect("every pod of the assignment is planned for"))
        };
        let reserve = Reserve::for_total(signals.load.total().steady, signals.pods.len());
        let planned = assignment.slices().iter().map(|(slice, state)| {
            let replicas = state.replicas.iter().map(|replica| (place(replica.pod), replica.phase));
            let load = signals.load.demand_of(&slice).steady;
            PlanSlice::new(slice, replicas.collect(), load, reserve)
        });
        let mut plan = Self {
            slices: planned.collect(),
            pods,
            moves: Vec::new(),
            split_count: 0,
        };
        plan.sum_up();
        plan.note_who_joined();
        plan
    }

    pub(super) fn pod(&self, pod: PodIndex) -> &PlanPod {
        &self.pods[pod.as_usize()]
    }

    pub(super) fn pod_count(&self) -> usize {
        self.pods.len()
    }

    pub(super) fn slices(&self) -> &[PlanSlice] {
        &self.slices
    }

    /// The pods that may own slices.
    pub(super) fn owners(&self) -> impl Iterator<Item = PodIndex> {
        let is_owner = |(_, pod): &(usize, &PlanPod)| pod.standing == Standing::Owner;
        self.pods.iter().enumerate().filter(is_owner).map(|(at, _)| at.into())
    }

    pub(super) fn may_own(&self, pod: PodIndex) -> bool {
        self.pod(pod).standing == Standing::Owner
    }

    /// What the pod carries, as if its weight were 1.
    pub(super) fn relative_cost(&self, pod: PodIndex) -> u128 {
        self.pod(pod).relative(self.pod(pod).cost)
    }

    /// What a pod of weight 1 would carry if all were even.
    pub(super) fn mean_cost(&self) -> u128 {
        let cost: u128 = self.owners().map(|pod| self.pod(pod).cost).sum();
        cost * 1_000 / self.owner_weight()
    }

    /// Gives the pod the slice to own. Where another pod gives it up for that, it stays as a leaving replica.
    pub(super) fn assign(&mut self, slice: usize, to: PodIndex, from: Option<PodIndex>, cause: Cause) {
        self.change(slice, |planned| {
            planned.replicas.set(to, Phase::Serving);
            if let Some(from) = from {
                planned.replicas.set(from, Phase::Leaving);
            }
        });
        let name = |pod: PodIndex| self.pod(pod).pod.name.clone();
        self.moves.push(Move {
            slice: self.slices[slice].slice.clone(),
            from: from.map(name),
            to: name(to),
            load: self.slices[slice].load,
            cause,
        });
    }

    /// Makes the pod's serving replica a leaving one.
    pub(super) fn release(&mut self, slice: usize, pod: PodIndex) {
        self.change(slice, |planned| planned.replicas.set(pod, Phase::Leaving));
    }

    /// Takes the pod's replica away.
    pub(super) fn remove(&mut self, slice: usize, pod: PodIndex) {
        self.change(slice, |planned| {
            planned.replicas.remove(pod);
        });
    }

    /// Puts slices that were cut in the place of the ones they were cut from; who owns what stays.
    pub(super) fn replace_slices(&mut self, slices: Vec<PlanSlice>) {
        self.split_count += slices.len() - self.slices.len();
        self.slices = slices;
        self.sum_up();
    }

    /// How load is spread over the pods that may own slices.
    pub(super) fn balance(&self) -> Balance {
        let mut loads = vec![Load::ZERO; self.pods.len()];
        for slice in &self.slices {
            let owner_count = slice.replicas.serving().count() as u128;
            for pod in slice.replicas.serving() {
                loads[pod.as_usize()] += slice.load.share(1, owner_count);
            }
        }
        let load_of = |pod: PodIndex| u128::from(loads[pod.as_usize()].milli());
        let relative = || self.owners().map(|pod| self.pod(pod).relative(load_of(pod)));
        let total: u128 = self.owners().map(load_of).sum();
        let as_load = |milli: u128| Load::from_milli(u64::try_from(milli).unwrap_or(u64::MAX));
        Balance {
            min: as_load(relative().min().unwrap_or(0)),
            mean: as_load(total * 1_000 / self.owner_weight()),
            max: as_load(relative().max().unwrap_or(0)),
        }
    }

    /// What is wanted next, the moves that lead there, and how many slices were cut.
    pub(super) fn into_parts(self) -> (Proposal, Vec<Move>, usize) {
        let entries = self
            .slices
            .into_iter()
            .map(|planned| (planned.slice.start().clone(), planned.replicas));
        let proposal = Proposal {
            pods: self.pods.into_iter().map(|planned| planned.pod).collect(),
            slices: SliceMap::try_from_starts(entries.collect()).expect("cutting slices keeps them in order"),
        };
        (proposal, self.moves, self.split_count)
    }

    /// The weight of all pods that may own slices, in thousandths; at least 1.
    fn owner_weight(&self) -> u128 {
        let weights = self
            .owners()
            .map(|pod| u128::from(self.pod(pod).pod.weight.thousandths()));
        weights.sum::<u128>().max(1)
    }

    /// Changes a slice and keeps the sums of its owners true.
    fn change(&mut self, slice: usize, change: impl FnOnce(&mut PlanSlice)) {
        let planned = &mut self.slices[slice];
        let before = planned.cost_per_owner();
        planned
            .replicas
            .serving()
            .for_each(|pod| self.pods[pod.as_usize()].cost -= before);
        change(planned);
        let after = planned.cost_per_owner();
        planned
            .replicas
            .serving()
            .for_each(|pod| self.pods[pod.as_usize()].cost += after);
    }

    fn sum_up(&mut self) {
        self.pods.iter_mut().for_each(|pod| pod.cost = 0);
        for planned in &self.slices {
            let share = planned.cost_per_owner();
            planned
                .replicas
                .serving()
                .for_each(|pod| self.pods[pod.as_usize()].cost += share);
        }
    }

    fn note_who_joined(&mut self) {
        self.pods
            .iter_mut()
            .for_each(|pod| pod.has_joined = pod.standing == Standing::Owner);
        for pod in self.slices.iter().flat_map(|planned| planned.replicas.serving()) {
            self.pods[pod.as_usize()].has_joined = false;
        }
    }
}
