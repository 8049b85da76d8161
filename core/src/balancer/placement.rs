//! Placement: the owners of all slices while a search changes them.

use std::collections::BTreeSet;

use super::decision::MoveCause;
use super::plan::Plan;
use super::plan_pod::PlanPod;
use super::plan_slice::PlanSlice;
use crate::assignment::PodIndex;

/// The plan with its pods ordered by burden and with the slices of each pod indexed. Slices are not split or merged while it
/// exists.
pub(super) struct Placement<'a> {
    plan: &'a mut Plan,
    /// The pods that may own slices, by burden.
    order: BTreeSet<(u128, PodIndex)>,
    /// The slices of each pod.
    holdings: Vec<Vec<usize>>,
}

impl<'a> Placement<'a> {
    pub(super) fn of(plan: &'a mut Plan) -> Self {
        let mut holdings = vec![Vec::new(); plan.pods().len()];
        for (at, planned) in plan.slices().iter().enumerate() {
            planned.owners().for_each(|pod| holdings[pod.as_usize()].push(at));
        }
        Self {
            order: plan.owners().map(|pod| (plan.pod(pod).burden(), pod)).collect(),
            plan,
            holdings,
        }
    }

    pub(super) fn pod(&self, pod: PodIndex) -> &PlanPod {
        self.plan.pod(pod)
    }

    pub(super) fn slices(&self) -> &[PlanSlice] {
        self.plan.slices()
    }

    pub(super) fn slice(&self, slice: usize) -> &PlanSlice {
        &self.plan.slices()[slice]
    }

    pub(super) fn slice_mut(&mut self, slice: usize) -> &mut PlanSlice {
        self.plan.slice_mut(slice)
    }

    pub(super) fn may_own(&self, pod: PodIndex) -> bool {
        self.plan.may_own(pod)
    }

    /// The slices of the pod, in no order.
    pub(super) fn holdings(&self, pod: PodIndex) -> &[usize] {
        &self.holdings[pod.as_usize()]
    }

    /// The pods that may own slices, by burden.
    pub(super) fn coldest_first(&self) -> impl DoubleEndedIterator<Item = PodIndex> {
        self.order.iter().map(|(_, pod)| *pod)
    }

    /// The pods that may own slices and carry at most `burden`, by burden.
    pub(super) fn up_to(&self, burden: u128) -> impl DoubleEndedIterator<Item = PodIndex> {
        self.order.range(..=(burden, PodIndex(u32::MAX))).map(|(_, pod)| *pod)
    }

    /// The pods that may own slices and carry more than `burden`.
    pub(super) fn above(&self, burden: u128) -> impl Iterator<Item = PodIndex> {
        self.order.range((burden + 1, PodIndex(0))..).map(|(_, pod)| *pod)
    }

    /// Whether the pod could own the slice beside its other owners, or instead of `from`: it has no replica of it, has enough
    /// memory, and the owners would not be in fewer zones.
    pub(super) fn may_take(&self, pod: PodIndex, slice: usize, from: Option<PodIndex>) -> bool {
        let planned = self.slice(slice);
        !planned.has_part(pod)
            && self.pod(pod).has_memory_for(planned.demand.memory)
            && self.keeps_zones(pod, planned, from)
    }

    fn keeps_zones(&self, pod: PodIndex, planned: &PlanSlice, from: Option<PodIndex>) -> bool {
        let Some(from) = from else { return true };
        let zone = |pod: PodIndex| &self.pod(pod).pod.zone;
        let mut others = planned.owners().filter(|other| *other != from).peekable();
        if others.peek().is_none() || zone(pod) == zone(from) {
            return true;
        }
        let others: Vec<_> = others.collect();
        let is_taken = |pod: PodIndex| others.iter().any(|other| zone(*other) == zone(pod));
        !is_taken(pod) || is_taken(from)
    }

    /// Makes the pod an owner of the slice, instead of `from` or beside the other owners.
    pub(super) fn assign(&mut self, slice: usize, to: PodIndex, from: Option<PodIndex>, cause: MoveCause) {
        let touched = self.touched(slice, [Some(to), from]);
        self.lift(&touched);
        self.plan.assign(slice, to, from, cause);
        self.lower(&touched);
        self.holdings[to.as_usize()].push(slice);
        if let Some(from) = from {
            self.holdings[from.as_usize()].retain(|held| *held != slice);
        }
    }

    /// Ends the ownership of the pod, which is not the only owner.
    pub(super) fn release(&mut self, slice: usize, pod: PodIndex) {
        let touched = self.touched(slice, [None, None]);
        self.lift(&touched);
        self.plan.release(slice, pod);
        self.lower(&touched);
        self.holdings[pod.as_usize()].retain(|held| *held != slice);
    }

    /// The pods whose burden a change of the slice affects.
    fn touched(&self, slice: usize, more: [Option<PodIndex>; 2]) -> Vec<PodIndex> {
        let mut touched: Vec<_> = self.slice(slice).owners().collect();
        touched.extend(more.into_iter().flatten());
        touched.sort_unstable();
        touched.dedup();
        touched.retain(|pod| self.may_own(*pod));
        touched
    }

    fn lift(&mut self, pods: &[PodIndex]) {
        for pod in pods {
            self.order.remove(&(self.plan.pod(*pod).burden(), *pod));
        }
    }

    fn lower(&mut self, pods: &[PodIndex]) {
        for pod in pods {
            self.order.insert((self.plan.pod(*pod).burden(), *pod));
        }
    }
}
