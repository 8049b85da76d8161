//! Tests of decisions: stories, and properties that hold for all inputs.

mod balance;
mod handoff;
mod properties;
mod stories;

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::assignment::{Phase, SliceState};
use crate::keyspace::{Slice, SliceKey, SliceMap};
use crate::load::{Demand, Load, LoadMap};
use crate::pod::PodName;
use crate::pod::fixtures::{pod_in, pod_name};

fn signals(pods: impl IntoIterator<Item = (u64, u128, bool)>) -> Signals {
    let signal = |(number, incarnation, may_own)| {
        let pod = pod_in(number, incarnation);
        let signal = PodSignal { pod, may_own };
        (signal.pod.name.clone(), signal)
    };
    Signals {
        pods: pods.into_iter().map(signal).collect(),
        ..Signals::default()
    }
}

fn live(count: u64) -> Signals {
    signals((0..count).map(|number| (number, 0, true)))
}

fn decided(assignment: &Assignment, signals: &Signals, settings: &BalancerSettings) -> Assignment {
    let decision = decide(assignment, signals, settings, Timestamp::ZERO);
    decision.next.unwrap_or_else(|| assignment.clone())
}

fn first(count: u64) -> Assignment {
    decided(&Assignment::unassigned(), &live(count), &BalancerSettings::default())
}

fn served_by(assignment: &Assignment) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for pod in assignment.slices().values().flat_map(|state| state.replicas.serving()) {
        *counts.entry(assignment.pod(pod).name.as_str()).or_default() += 1;
    }
    counts
}

/// All leaving replicas, as if all had lingered long enough.
fn all_leaving(assignment: &Assignment) -> BTreeSet<(SliceKey, PodName)> {
    all_in(Phase::Leaving, assignment)
}

/// All replicas in that phase.
fn all_in(wanted: Phase, assignment: &Assignment) -> BTreeSet<(SliceKey, PodName)> {
    let found = |(slice, state): (Slice, &SliceState)| {
        let replicas = state.replicas.iter().filter(|replica| replica.phase == wanted);
        replicas
            .map(|replica| (slice.start().clone(), assignment.pod(replica.pod).name.clone()))
            .collect::<Vec<_>>()
    };
    assignment.slices().iter().flat_map(found).collect()
}

/// A load map: an even load over the key space, and hot keys by position; in units a second.
fn load(even: u64, hot: &[(u64, u64)]) -> LoadMap {
    let demand = |units: u64| Demand::steady(Load::from_units(units));
    let points = hot
        .iter()
        .map(|(position, units)| (SliceKey::from_position(*position), demand(*units)));
    LoadMap::new(SliceMap::full(demand(even)), points.collect())
}

/// The owners of the key at that position, by name.
fn owners_of(assignment: &Assignment, position: u64) -> Vec<String> {
    let (_, state) = assignment.get(&SliceKey::from_position(position));
    let serving = state.replicas.serving();
    serving.map(|pod| assignment.pod(pod).name.to_string()).collect()
}
