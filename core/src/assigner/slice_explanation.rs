//! The explanation of one slice: who owns it, since when and why, what it carries, and what would move it.

use std::fmt;
use std::time::Duration;

use super::handoff::WarmingProgress;
use super::load_summary::LoadSummary;
use super::overview::TargetOverview;
use super::past_move::PastMoveOfSlice;
use super::prospect::{PodBand, Prospect, pod_prospects, target_prospects};
use crate::assignment::{Generation, Phase, SliceState};
use crate::balancer::cooldown_remaining;
use crate::keyspace::{Slice, SliceKey};
use crate::load::{Demand, Load};
use crate::pod::PodName;
use crate::quantity_text::{PerSecond, Percentage, ReadableDuration, ReadableSize};

/// The most hot keys that an explanation names.
pub(super) const HOTTEST_MAX: usize = 5;

/// One slice and its owners.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SliceExplanation {
    /// The key that was asked about, if it was a key.
    pub key: Option<SliceKey>,
    /// The slice that holds it.
    pub slice: Slice,
    /// The generation of the assignment.
    pub generation: Generation,
    /// The generation at which the pods that may answer for its keys changed last.
    pub epoch: Generation,
    /// How long ago that was; `None` if the decision is no longer known.
    pub epoch_age: Option<Duration>,
    /// Its replicas, by pod.
    pub replicas: Vec<ExplainedReplica>,
    /// The last decision that gave it an owner; `None` if none is known.
    pub last_move: Option<PastMoveOfSlice>,
    /// Load and memory of its keys.
    pub demand: Demand,
    /// Its part of its owner's load, in thousandths; `None` without an owner that may own slices.
    pub pod_share: Option<u64>,
    /// The hottest keys in it, hottest first.
    pub hottest: Vec<(SliceKey, Demand)>,
    /// What keeps it in place, and what would move it.
    pub prospects: Vec<Prospect>,
}

/// One replica of an explained slice.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "fields are named by their types")]
pub struct ExplainedReplica {
    pub pod: PodName,
    pub phase: Phase,
    /// The progress of a warming replica.
    pub warming: Option<WarmingProgress>,
}

impl SliceExplanation {
    pub(super) fn of(overview: &TargetOverview, slice: &Slice, key: Option<SliceKey>) -> Self {
        let inputs = &overview.inputs;
        let (slice, state) = inputs.assignment.get(slice.start());
        let demand = inputs.signals.load.demand_of(&slice);
        let summary = LoadSummary::of(inputs);
        let owner = first_owner(overview, state);
        let planned = owner
            .as_ref()
            .and_then(|owner| summary.pods.get(owner))
            .map(|load| load.planned);
        let owner_count = state
            .replicas
            .iter()
            .filter(|replica| replica.phase.is_final_owner())
            .count();
        let part = demand.now.share(1, owner_count.max(1) as u128);
        let epoch_decision = overview
            .decisions
            .iter()
            .find(|decided| decided.generation == state.epoch);
        Self {
            key,
            generation: inputs.assignment.generation(),
            epoch: state.epoch,
            epoch_age: epoch_decision.map(|decided| inputs.now.since(decided.report.decided_at)),
            replicas: replicas_of(overview, &slice, state),
            last_move: PastMoveOfSlice::last_of(overview, &slice),
            demand,
            pod_share: planned.map(|planned| thousandths(part, planned)),
            hottest: hottest(inputs.signals.load.points_of(&slice)),
            prospects: prospects(overview, &slice, state, &summary),
            slice,
        }
    }
}

/// The hottest of these keys, hottest first; equally hot ones in key order.
pub(super) fn hottest(points: &[(SliceKey, Demand)]) -> Vec<(SliceKey, Demand)> {
    hottest_of(points, HOTTEST_MAX)
}

/// The `count` hottest of these keys, in the same order.
pub(super) fn hottest_of(points: &[(SliceKey, Demand)], count: usize) -> Vec<(SliceKey, Demand)> {
    let mut points = points.to_vec();
    points.sort_by(|(a, a_demand), (b, b_demand)| b_demand.now.cmp(&a_demand.now).then_with(|| a.cmp(b)));
    points.truncate(count);
    points
}

/// The part of the whole in thousandths; 0 of nothing.
pub(super) fn thousandths(part: Load, whole: Load) -> u64 {
    let share = u128::from(part.milli()) * 1_000 / u128::from(whole.milli().max(1));
    u64::try_from(share).unwrap_or(u64::MAX)
}

/// The pod that serves the slice once its handoff is complete.
fn first_owner(overview: &TargetOverview, state: &SliceState) -> Option<PodName> {
    let owner = state.replicas.iter().find(|replica| replica.phase.is_final_owner())?;
    Some(overview.inputs.assignment.pod(owner.pod).name.clone())
}

fn replicas_of(overview: &TargetOverview, slice: &Slice, state: &SliceState) -> Vec<ExplainedReplica> {
    let replicas = state.replicas.iter().map(|replica| {
        let pod = overview.inputs.assignment.pod(replica.pod).name.clone();
        let progress = overview.warming.get(&(slice.start().clone(), pod.clone()));
        ExplainedReplica {
            warming: progress.filter(|_| replica.phase == Phase::Warming).cloned(),
            phase: replica.phase,
            pod,
        }
    });
    replicas.collect()
}

/// From the strongest to the weakest.
fn prospects(overview: &TargetOverview, slice: &Slice, state: &SliceState, summary: &LoadSummary) -> Vec<Prospect> {
    let signals = &overview.inputs.signals;
    let is_within = |other: &Slice| other.intersection(slice).is_some();
    let mut found = Vec::new();
    if state.is_unserved() {
        found.push(Prospect::Unowned);
    }
    let pin = signals.pins.iter().rev().find(|pin| is_within(&pin.slice));
    found.extend(pin.map(|pin| Prospect::Pinned(pin.pod.clone())));
    if signals.poisoned.iter().any(is_within) {
        found.push(Prospect::Poisoned);
    }
    let warming = state.replicas.warming();
    found.extend(warming.map(|pod| Prospect::Moving(overview.inputs.assignment.pod(pod).name.clone())));
    let cooldown = cooldown_remaining(&signals.recent_moves, slice, overview.inputs.now);
    found.extend(cooldown.map(Prospect::Cooldown));
    if let Some(owner) = first_owner(overview, state) {
        let band = pod_band(overview, &owner, summary);
        found.extend(pod_prospects(overview, &owner, band));
    }
    found.extend(target_prospects(overview, summary.move_budget_used));
    found
}

/// The band of a pod that may own slices.
pub(super) fn pod_band(overview: &TargetOverview, pod: &PodName, summary: &LoadSummary) -> Option<PodBand> {
    let load = summary.pods.get(pod)?;
    let weight = overview.inputs.signals.pods.get(pod)?.pod.weight;
    Some(PodBand::of(load.planned, &summary.band, weight))
}

impl fmt::Display for SliceExplanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(key) = &self.key {
            writeln!(f, "key {key} is in")?;
        }
        writeln!(f, "slice {} of generation {}", self.slice, self.generation)?;
        writeln!(f, "\nwhere")?;
        for replica in &self.replicas {
            writeln!(f, "  {replica}")?;
        }
        write!(f, "  owners unchanged since generation {}", self.epoch)?;
        match self.epoch_age {
            Some(age) => writeln!(f, ", {} ago", ReadableDuration(age))?,
            None => writeln!(f, ", by a decision that is no longer known")?,
        }
        writeln!(f, "\nwhy")?;
        match &self.last_move {
            Some(moved) => writeln!(f, "  {moved}")?,
            None => writeln!(f, "  no known decision moved it")?,
        }
        writeln!(f, "\nload")?;
        let Demand { now, steady, memory } = self.demand;
        write!(f, "  {} now, {} to plan by", PerSecond(now), PerSecond(steady))?;
        if let Some(share) = self.pod_share {
            write!(f, "; {} of its owner's load", Percentage(share))?;
        }
        writeln!(f, "; {} of warm values", ReadableSize(memory))?;
        write_hottest(f, &self.hottest)?;
        write_prospects(f, &self.prospects)
    }
}

pub(super) fn write_hottest(f: &mut fmt::Formatter<'_>, hottest: &[(SliceKey, Demand)]) -> fmt::Result {
    for (key, demand) in hottest {
        writeln!(f, "  hot key {key}: {}", PerSecond(demand.now))?;
    }
    Ok(())
}

pub(super) fn write_prospects(f: &mut fmt::Formatter<'_>, prospects: &[Prospect]) -> fmt::Result {
    writeln!(f, "\nwhat keeps or moves it")?;
    for prospect in prospects {
        writeln!(f, "  {prospect}")?;
    }
    Ok(())
}

impl fmt::Display for ExplainedReplica {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.phase {
            Phase::Serving => write!(f, "{} serves it", self.pod)?,
            Phase::Yielding => write!(f, "{} serves it until its successor is warm", self.pod)?,
            Phase::Leaving => write!(f, "{} served it and answers late requests", self.pod)?,
            Phase::Warming => write!(f, "{} warms it up", self.pod)?,
        }
        match &self.warming {
            Some(progress) => write!(f, ": {progress}"),
            None => Ok(()),
        }
    }
}
