//! The invariants of every cluster under any disturbance.

use std::collections::BTreeMap;
use std::time::Duration;

use emberkeep_core::assigner::{Applied, ChangeKind};
use emberkeep_core::assignment::{Assignment, Generation, Phase};
use emberkeep_core::balancer::Scope;
use emberkeep_core::keyspace::SliceKey;
use emberkeep_core::pod::{Incarnation, PodName};
use emberkeep_core::time::Timestamp;
use thiserror::Error;

use super::decisions::check_decision;
use crate::cluster::{ClusterEvent, ProcessState, SimCluster, TimedEvent};

/// A violated invariant, and when it was detected.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("at {:.3} s {what}", at.as_micros() as f64 / 1e6)]
pub struct InvariantViolation {
    /// The virtual time of detection.
    pub at: Timestamp,
    /// The violation, with the values that break the invariant.
    pub what: String,
}

/// Checks the invariants of one cluster after each event.
#[derive(Debug)]
pub(super) struct InvariantChecker {
    /// The last generation published by each incarnation of a pod.
    published: BTreeMap<(PodName, Incarnation), Generation>,
    replicated: Generation,
    replicas_max: u32,
    /// The time since which replicas are leaving, by start of slice and pod.
    leaving_since: BTreeMap<(SliceKey, PodName), Timestamp>,
    /// The time since which replicas are warming, by start of slice and pod.
    warming_since: BTreeMap<(SliceKey, PodName), Timestamp>,
    /// The time since which pods cannot serve.
    unavailable_since: BTreeMap<PodName, Timestamp>,
    /// The last time at which an election, failing proposals or a freeze kept the assigner from working.
    interrupted_at: Timestamp,
    check_count: u64,
}

/// Every how many checks decisions are checked too; they take most of the time of a trial.
const DECISIONS_EVERY: u64 = 8;

/// The most rounds of warming slices that a slice may have to wait for.
const WARMING_ROUNDS_MAX: u32 = 10;

/// How long the assigner may take to reassign the keys of a lost pod, unless it is interrupted.
const DETECTION_MAX: Duration = Duration::from_secs(20);

impl InvariantChecker {
    pub(super) fn new(cluster: &SimCluster) -> Self {
        Self {
            published: BTreeMap::new(),
            replicated: Generation::NONE,
            replicas_max: cluster.state().settings.balancer.max_replicas,
            leaving_since: BTreeMap::new(),
            warming_since: BTreeMap::new(),
            unavailable_since: BTreeMap::new(),
            interrupted_at: Timestamp::ZERO,
            check_count: 0,
        }
    }

    /// Records that the assigner cannot work at this moment.
    pub(super) const fn record_interruption(&mut self, now: Timestamp) {
        self.interrupted_at = now;
    }

    /// Checks the invariants that an event may violate.
    pub(super) fn on_event(&mut self, cluster: &SimCluster, event: &TimedEvent) -> Result<(), String> {
        match &event.what {
            ClusterEvent::Replicated {
                change,
                outcome: Applied::Done,
            } => self.on_replicated(cluster, change),
            ClusterEvent::Published { pod, assignment } => self.on_published(cluster, pod, assignment),
            ClusterEvent::Routed { before, after } => check_growth("clients", before.generation(), after.generation()),
            ClusterEvent::Replicated { .. }
            | ClusterEvent::Decided(_)
            | ClusterEvent::Exited { .. }
            | ClusterEvent::Alerted(_)
            | ClusterEvent::Elected => Ok(()),
        }
    }

    /// Checks the current state.
    pub(super) fn check(&mut self, cluster: &SimCluster) -> Result<(), String> {
        let state = cluster.state();
        if state.is_frozen {
            self.record_interruption(cluster.now());
        }
        self.track_unavailable(cluster);
        self.track_leaving(cluster)?;
        self.track_warming(cluster)?;
        let has_owner = state.pods.values().any(|record| !record.is_draining);
        check_replicas(&state.assignment, has_owner, self.replicas_max)?;
        self.check_count += 1;
        match self.check_count % DECISIONS_EVERY {
            0 => check_decision(cluster, Scope::Repair)?,
            1 => check_decision(cluster, Scope::Balance)?,
            _ => {}
        }
        self.check_unavailable(cluster)
    }

    fn on_replicated(&mut self, cluster: &SimCluster, change: &ChangeKind) -> Result<(), String> {
        match change {
            ChangeKind::Assign { diff, .. } => {
                let before = std::mem::replace(&mut self.replicated, diff.generation);
                check_growth("the assigner", before, diff.generation)
            }
            ChangeKind::ConfigureTarget { settings } => {
                self.replicas_max = self.replicas_max.max(settings.balancer.max_replicas);
                Ok(())
            }
            ChangeKind::CreateTarget { .. }
            | ChangeKind::RegisterPod { .. }
            | ChangeKind::DrainPod { .. }
            | ChangeKind::RemovePod { .. }
            | ChangeKind::Pin { .. }
            | ChangeKind::Unpin { .. }
            | ChangeKind::Poison { .. }
            | ChangeKind::Release { .. }
            | ChangeKind::Freeze { .. } => {
                debug_assert!(cluster.state().assignment.generation() >= self.replicated);
                Ok(())
            }
        }
    }

    fn on_published(&mut self, cluster: &SimCluster, pod: &PodName, assignment: &Assignment) -> Result<(), String> {
        let view = cluster.pods().find(|view| view.pod.name == *pod);
        let incarnation = view.map_or(Incarnation(0), |view| view.pod.incarnation);
        let last = self.published.entry((pod.clone(), incarnation)).or_default();
        let before = std::mem::replace(last, assignment.generation());
        check_growth(pod.as_str(), before, assignment.generation())
    }

    fn track_unavailable(&mut self, cluster: &SimCluster) {
        for pod in cluster.pods() {
            if pod.process == ProcessState::Running && !pod.is_cut_off {
                self.unavailable_since.remove(&pod.pod.name);
            } else {
                let now = cluster.now();
                self.unavailable_since.entry(pod.pod.name.clone()).or_insert(now);
            }
        }
    }

    /// Records since when slices warm. None warms for much longer than `warm_timeout`; some wait for the rounds before them.
    fn track_warming(&mut self, cluster: &SimCluster) -> Result<(), String> {
        let (state, now) = (cluster.state(), cluster.now());
        let before = std::mem::take(&mut self.warming_since);
        let longest = (state.settings.handoff.warm_timeout + DETECTION_MAX) * WARMING_ROUNDS_MAX;
        for (slice, assigned) in state.assignment.slices().iter() {
            if assigned.replicas.has_stranded_yield() && now.since(self.interrupted_at) > DETECTION_MAX {
                return Err(format!("slice {slice} yields without a new owner"));
            }
            for pod in assigned.replicas.warming() {
                let key = (slice.start().clone(), state.assignment.pod(pod).name.clone());
                let since = before.get(&key).copied().unwrap_or(now);
                if now.since(since) > longest && now.since(self.interrupted_at) > longest {
                    return Err(format!(
                        "{} has been warming slice {slice} for {:?}",
                        key.1,
                        now.since(since)
                    ));
                }
                self.warming_since.insert(key, since);
            }
        }
        Ok(())
    }

    /// Records since when replicas leave. None leaves for much longer than `leave_linger`.
    fn track_leaving(&mut self, cluster: &SimCluster) -> Result<(), String> {
        let (state, now) = (cluster.state(), cluster.now());
        let before = std::mem::take(&mut self.leaving_since);
        let longest = state.settings.handoff.leave_linger + DETECTION_MAX;
        for (slice, assigned) in state.assignment.slices().iter() {
            for replica in assigned
                .replicas
                .iter()
                .filter(|replica| replica.phase == Phase::Leaving)
            {
                let key = (slice.start().clone(), state.assignment.pod(replica.pod).name.clone());
                let since = before.get(&key).copied().unwrap_or(now);
                if now.since(since) > longest && now.since(self.interrupted_at) > longest {
                    return Err(format!(
                        "{} has been leaving slice {slice} for {:?}",
                        key.1,
                        now.since(since)
                    ));
                }
                self.leaving_since.insert(key, since);
            }
        }
        Ok(())
    }

    /// No lost pod stays an owner for long, unless no other pod could take over.
    fn check_unavailable(&self, cluster: &SimCluster) -> Result<(), String> {
        let (state, now) = (cluster.state(), cluster.now());
        let has_successor = state.pods.keys().any(|pod| !self.unavailable_since.contains_key(pod));
        if !has_successor || now.since(self.interrupted_at) < DETECTION_MAX {
            return Ok(());
        }
        let is_overdue = |since: &&Timestamp| now.since(**since) > DETECTION_MAX;
        for pod in state.assignment.pods() {
            if let Some(since) = self.unavailable_since.get(&pod.name).filter(is_overdue) {
                let unavailable = now.since(*since);
                return Err(format!(
                    "{} is assigned keys although it has been unavailable for {unavailable:?}",
                    pod.name
                ));
            }
        }
        Ok(())
    }
}

fn check_growth(whose: &str, before: Generation, after: Generation) -> Result<(), String> {
    match after > before {
        true => Ok(()),
        false => Err(format!("the generation of {whose} went from {before} to {after}")),
    }
}

fn check_replicas(assignment: &Assignment, has_owner: bool, most: u32) -> Result<(), String> {
    for (slice, state) in assignment.slices().iter() {
        let count = state.replicas.serving().count();
        if count > most as usize {
            return Err(format!(
                "slice {slice} has {count} serving replicas, at most {most} were ever allowed"
            ));
        }
        let has_none_serving = !state.replicas.is_empty() && count == 0;
        if has_owner && has_none_serving && state.replicas.iter().all(|replica| replica.phase == Phase::Leaving) {
            return Err(format!(
                "slice {slice} is left by all its owners and has no serving replica"
            ));
        }
    }
    Ok(())
}

/// The invariants of a cluster that has recovered from all disturbances.
pub(super) fn check_settled(cluster: &SimCluster) -> Result<(), String> {
    let state = cluster.state();
    let newest = state.assignment.generation();
    let serves = |pod: &PodName| {
        cluster
            .pods()
            .any(|view| view.pod.name == *pod && view.process == ProcessState::Running)
    };
    for pod in cluster.pods().filter(|pod| pod.process == ProcessState::Running) {
        let name = &pod.pod.name;
        let held = pod.ownership.generation();
        let Some(record) = state.pods.get(name).filter(|record| record.pod == *pod.pod) else {
            return Err(format!("{name} runs but is not registered"));
        };
        if record.is_draining {
            return Err(format!("{name} is still draining"));
        }
        if held != newest {
            return Err(format!("{name} is at generation {held}, the newest is {newest}"));
        }
    }
    if let Some(dead) = state.pods.keys().find(|pod| !serves(pod)) {
        return Err(format!("{dead} is registered but does not run"));
    }
    let lost = cluster.outage().unanswered;
    if lost.milli() > 0 {
        return Err(format!("a load of {lost} is not served"));
    }
    check_settled_slices(cluster)
}

fn check_settled_slices(cluster: &SimCluster) -> Result<(), String> {
    let state = cluster.state();
    let balancer = &state.settings.balancer;
    let least = (balancer.min_replicas as usize).min(state.pods.len());
    for (slice, assigned) in state.assignment.slices().iter() {
        let count = assigned.replicas.serving().count();
        if count < least || count > balancer.max_replicas as usize {
            let most = balancer.max_replicas;
            return Err(format!(
                "slice {slice} has {count} serving replicas, allowed are {least} to {most}"
            ));
        }
        if assigned.replicas.len() != count {
            return Err(format!("slice {slice} still has a handoff in progress"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use emberkeep_core::load::Load;

    use super::*;
    use crate::cluster::{Fault, SimClusterSettings};
    use crate::soak::Case;

    const HOUR: Duration = Duration::from_secs(3_600);

    /// Checks a cluster for a minute after a fault of one of three pods, with these settings.
    fn outcome_of(settings: impl FnOnce(&mut SimClusterSettings), fault: Fault) -> Result<(), String> {
        let shape = Case::of(1).shape;
        let mut chosen = SimClusterSettings::default();
        settings(&mut chosen);
        let mut cluster = SimCluster::new(chosen);
        cluster.set_loads([(1, Load::from_units(10)), (1 << 63, Load::from_units(10))]);
        (0..3).for_each(|number| assert!(cluster.add_pod(shape.pod(number))));
        cluster.run_until(Timestamp::from_millis(5_000));
        let struck = cluster.state().assignment.pods()[0].name.clone();
        assert!(cluster.inject(&struck, fault));
        let mut checker = InvariantChecker::new(&cluster);
        for _ in 0..12 {
            checker.check(&cluster)?;
            cluster.run_until(cluster.now() + Duration::from_secs(5));
        }
        check_settled(&cluster)
    }

    #[test]
    fn a_lost_pod_that_keeps_its_keys_is_detected() {
        assert_eq!(outcome_of(|_| {}, Fault::Lose), Ok(()));
        let found = outcome_of(|settings| settings.target.health.dead_after = HOUR, Fault::Lose).unwrap_err();
        assert!(
            found.contains("is assigned keys although it has been unavailable for"),
            "{found}"
        );
    }

    #[test]
    fn a_drain_that_never_ends_is_detected() {
        assert_eq!(outcome_of(|_| {}, Fault::Drain), Ok(()));
        let lingers = |settings: &mut SimClusterSettings| {
            settings.target.handoff.leave_linger = HOUR;
            settings.target.handoff.drain_timeout = HOUR;
        };
        let found = outcome_of(lingers, Fault::Drain).unwrap_err();
        assert!(found.contains("is still draining"), "{found}");
    }

    #[test]
    fn a_generation_that_does_not_grow_is_detected() {
        let generation = |number| Generation::from_number(number).unwrap();
        assert_eq!(check_growth("pod-1", generation(3), generation(4)), Ok(()));
        let found = check_growth("pod-1", generation(3), generation(3)).unwrap_err();
        assert_eq!(found, "the generation of pod-1 went from 3 to 3");
    }
}
