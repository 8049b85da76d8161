//! Invariants of the decisions that the balancer could make now.

use std::collections::BTreeMap;

use emberkeep_core::assignment::{Assignment, Phase};
use emberkeep_core::balancer::{MoveHistory, PodSignal, Scope, Signals, WarmReplicas, decide};
use emberkeep_core::keyspace::{SliceKey, SliceMap};
use emberkeep_core::load::{Demand, Load, LoadMap};
use emberkeep_core::time::Timestamp;

use crate::cluster::{SimCluster, Traffic};

/// Decides with exact signals: twice, which must yield the same decision, and again on its result, which must change nothing.
pub(super) fn check_decision(cluster: &SimCluster, scope: Scope) -> Result<(), String> {
    let state = cluster.state();
    let settings = &state.settings.balancer;
    let mut signals = signals(cluster, scope);
    let decided = |assignment: &Assignment, signals: &Signals| decide(assignment, signals, settings, Timestamp::ZERO);
    let first = decided(&state.assignment, &signals);
    if decided(&state.assignment, &signals) != first {
        return Err(format!("the same signals led to two decisions ({scope:?})"));
    }
    signals.recent_moves.record(&first.report);
    let Some(next) = first.next else { return Ok(()) };
    match decided(&next, &signals).next {
        None => Ok(()),
        Some(_) => Err(format!(
            "deciding again on the result of a decision changed it ({scope:?})"
        )),
    }
}

fn signals(cluster: &SimCluster, scope: Scope) -> Signals {
    let state = cluster.state();
    let pods = state.pods.iter().map(|(name, record)| {
        let signal = PodSignal {
            pod: record.pod.clone(),
            may_own: !record.is_draining,
        };
        (name.clone(), signal)
    });
    let leaving = state.assignment.slices().iter().flat_map(|(slice, assigned)| {
        let leaving = assigned
            .replicas
            .iter()
            .filter(|replica| replica.phase == Phase::Leaving);
        let key = |pod| (slice.start().clone(), state.assignment.pod(pod).name.clone());
        leaving.map(|replica| key(replica.pod)).collect::<Vec<_>>()
    });
    Signals {
        pods: pods.collect::<BTreeMap<_, _>>(),
        load: load_map(cluster.traffic()),
        lingered: leaving.collect(),
        warm: WarmReplicas::All,
        scope,
        recent_moves: MoveHistory::default(),
        pins: Vec::new(),
        poisoned: Vec::new(),
    }
}

fn load_map(traffic: &Traffic) -> LoadMap {
    let keys = (0..traffic.key_count()).map(|index| traffic.key(index));
    let asked_for = keys.filter(|(_, rate)| *rate > Load::ZERO);
    let points = asked_for.map(|(position, rate)| (SliceKey::from_position(position), Demand::steady(rate)));
    LoadMap::new(SliceMap::full(Demand::NONE), points.collect())
}
