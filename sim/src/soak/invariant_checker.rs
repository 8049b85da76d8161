//! The checker: what must hold in every cluster, whatever happens to it.

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
use crate::cluster::{Cluster, Happening, News, Process};

/// What does not hold, and when that was seen.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("at {:.3} s {what}", at.as_micros() as f64 / 1e6)]
pub struct InvariantViolation {
    /// In virtual time.
    pub at: Timestamp,
    /// What is wrong.
    pub what: String,
}

/// Watches one cluster.
#[derive(Debug)]
pub(super) struct InvariantChecker {
    /// What each life of a pod has published last.
    published: BTreeMap<(PodName, Incarnation), Generation>,
    replicated: Generation,
    replicas_max: u32,
    /// Since when replicas are leaving, by where their slice starts and their pod.
    leaving_since: BTreeMap<(SliceKey, PodName), Timestamp>,
    /// Since when replicas are warming, by where their slice starts and their pod.
    warming_since: BTreeMap<(SliceKey, PodName), Timestamp>,
    /// Since when pods that cannot serve are in that state.
    gone_since: BTreeMap<PodName, Timestamp>,
    /// When last something held up the assigner: an election, failing proposals, a freeze.
    held_up_at: Timestamp,
    look_count: u64,
}

/// Decisions take most of the time of a trial, so only some looks check them.
const DECISIONS_EVERY: u64 = 8;

/// How many rounds of slices that get ready one may have to wait for, at most.
const WARMING_ROUNDS_MAX: u32 = 10;

/// How long the assigner may take to take the keys from a pod that is gone, if nothing holds it up.
const DETECTION_MAX: Duration = Duration::from_secs(20);

impl InvariantChecker {
    pub(super) fn new(cluster: &Cluster) -> Self {
        Self {
            published: BTreeMap::new(),
            replicated: Generation::NONE,
            replicas_max: cluster.state().settings.balancer.max_replicas,
            leaving_since: BTreeMap::new(),
            warming_since: BTreeMap::new(),
            gone_since: BTreeMap::new(),
            held_up_at: Timestamp::ZERO,
            look_count: 0,
        }
    }

    /// The assigner cannot do its work at this moment.
    pub(super) const fn held_up(&mut self, now: Timestamp) {
        self.held_up_at = now;
    }

    /// Checks what has happened.
    pub(super) fn hear(&mut self, cluster: &Cluster, news: &News) -> Result<(), String> {
        match &news.what {
            Happening::Replicated {
                change,
                outcome: Applied::Done,
            } => self.replicated(cluster, change),
            Happening::Published { pod, assignment } => self.published(cluster, pod, assignment),
            Happening::Routed { before, after } => grows("clients", before.generation(), after.generation()),
            Happening::Replicated { .. } | Happening::Decided(_) | Happening::Exited { .. } | Happening::Elected => {
                Ok(())
            }
        }
    }

    /// Checks how things are now.
    pub(super) fn look(&mut self, cluster: &Cluster) -> Result<(), String> {
        let state = cluster.state();
        if state.is_frozen {
            self.held_up(cluster.now());
        }
        self.note_gone(cluster);
        self.check_leaving(cluster)?;
        self.check_warming(cluster)?;
        let has_owner = state.pods.values().any(|record| !record.is_draining);
        check_replicas(&state.assignment, has_owner, self.replicas_max)?;
        self.look_count += 1;
        match self.look_count % DECISIONS_EVERY {
            0 => check_decision(cluster, Scope::Repair)?,
            1 => check_decision(cluster, Scope::Balance)?,
            _ => {}
        }
        self.check_gone(cluster)
    }

    fn replicated(&mut self, cluster: &Cluster, change: &ChangeKind) -> Result<(), String> {
        match change {
            ChangeKind::Assign { diff } => {
                let before = std::mem::replace(&mut self.replicated, diff.generation);
                grows("the assigner", before, diff.generation)
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

    fn published(&mut self, cluster: &Cluster, pod: &PodName, assignment: &Assignment) -> Result<(), String> {
        let view = cluster.pods().find(|view| view.pod.name == *pod);
        let life = view.map_or(Incarnation(0), |view| view.pod.incarnation);
        let place = self.published.entry((pod.clone(), life)).or_default();
        let before = std::mem::replace(place, assignment.generation());
        grows(pod.as_str(), before, assignment.generation())
    }

    fn note_gone(&mut self, cluster: &Cluster) {
        for pod in cluster.pods() {
            if pod.process == Process::Running && !pod.is_cut_off {
                self.gone_since.remove(&pod.pod.name);
            } else {
                let now = cluster.now();
                self.gone_since.entry(pod.pod.name.clone()).or_insert(now);
            }
        }
    }

    /// No handoff lasts long after its time: of those that get ready, some wait for others.
    fn check_warming(&mut self, cluster: &Cluster) -> Result<(), String> {
        let (state, now) = (cluster.state(), cluster.now());
        let before = std::mem::take(&mut self.warming_since);
        let longest = (state.settings.handoff.warm_timeout + DETECTION_MAX) * WARMING_ROUNDS_MAX;
        for (slice, assigned) in state.assignment.slices().iter() {
            if assigned.replicas.yields_in_vain() && now.since(self.held_up_at) > DETECTION_MAX {
                return Err(format!("slice {slice} waits for a new owner, and there is none"));
            }
            for pod in assigned.replicas.warming() {
                let key = (slice.start().clone(), state.assignment.pod(pod).name.clone());
                let since = before.get(&key).copied().unwrap_or(now);
                if now.since(since) > longest && now.since(self.held_up_at) > longest {
                    return Err(format!("{} gets slice {slice} ready for {:?}", key.1, now.since(since)));
                }
                self.warming_since.insert(key, since);
            }
        }
        Ok(())
    }

    /// No replica lingers long after its time.
    fn check_leaving(&mut self, cluster: &Cluster) -> Result<(), String> {
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
                if now.since(since) > longest && now.since(self.held_up_at) > longest {
                    return Err(format!("{} is leaving slice {slice} for {:?}", key.1, now.since(since)));
                }
                self.leaving_since.insert(key, since);
            }
        }
        Ok(())
    }

    /// No pod serves long after it was gone, unless there is nobody to take over.
    fn check_gone(&self, cluster: &Cluster) -> Result<(), String> {
        let (state, now) = (cluster.state(), cluster.now());
        let has_heir = state.pods.keys().any(|pod| !self.gone_since.contains_key(pod));
        if !has_heir || now.since(self.held_up_at) < DETECTION_MAX {
            return Ok(());
        }
        let is_long_gone = |since: &&Timestamp| now.since(**since) > DETECTION_MAX;
        for pod in state.assignment.pods() {
            if let Some(since) = self.gone_since.get(&pod.name).filter(is_long_gone) {
                let gone = now.since(*since);
                return Err(format!(
                    "{} is assigned keys although it was gone for {gone:?}",
                    pod.name
                ));
            }
        }
        Ok(())
    }
}

fn grows(whose: &str, before: Generation, after: Generation) -> Result<(), String> {
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
        let only_leaves = !state.replicas.is_empty() && count == 0;
        if has_owner && only_leaves && state.replicas.iter().all(|replica| replica.phase == Phase::Leaving) {
            return Err(format!(
                "slice {slice} is being left by all its owners, and nobody serves it"
            ));
        }
    }
    Ok(())
}

/// What must hold when all disturbance is long over.
pub(super) fn check_settled(cluster: &Cluster) -> Result<(), String> {
    let state = cluster.state();
    let newest = state.assignment.generation();
    let serves = |pod: &PodName| {
        cluster
            .pods()
            .any(|view| view.pod.name == *pod && view.process == Process::Running)
    };
    for pod in cluster.pods().filter(|pod| pod.process == Process::Running) {
        let name = &pod.pod.name;
        let held = pod.ownership.generation();
        let Some(record) = state.pods.get(name).filter(|record| record.pod == *pod.pod) else {
            return Err(format!("{name} runs and is not registered"));
        };
        if record.is_draining {
            return Err(format!("{name} has asked to drain and was not let go"));
        }
        if held != newest {
            return Err(format!("{name} goes by generation {held}, the newest is {newest}"));
        }
    }
    if let Some(dead) = state.pods.keys().find(|pod| !serves(pod)) {
        return Err(format!("{dead} is registered and does not run"));
    }
    let lost = cluster.outage().unanswered;
    if lost.milli() > 0 {
        return Err(format!("a load of {lost} is not answered"));
    }
    check_settled_slices(cluster)
}

fn check_settled_slices(cluster: &Cluster) -> Result<(), String> {
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
            return Err(format!("slice {slice} is still changing hands"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use emberkeep_core::load::Load;

    use super::*;
    use crate::cluster::{ClusterSettings, Fault};
    use crate::soak::Case;

    const HOUR: Duration = Duration::from_secs(3_600);

    /// What the checker says for a minute after that happened to one of three pods, with these settings.
    fn said(settings: impl FnOnce(&mut ClusterSettings), fault: Fault) -> Result<(), String> {
        let shape = Case::of(1).shape;
        let mut chosen = ClusterSettings::default();
        settings(&mut chosen);
        let mut cluster = Cluster::new(chosen);
        cluster.set_loads([(1, Load::from_units(10)), (1 << 63, Load::from_units(10))]);
        (0..3).for_each(|number| assert!(cluster.add_pod(shape.pod(number))));
        cluster.run_until(Timestamp::from_millis(5_000));
        let struck = cluster.state().assignment.pods()[0].name.clone();
        assert!(cluster.strike(&struck, fault));
        let mut checker = InvariantChecker::new(&cluster);
        for _ in 0..12 {
            checker.look(&cluster)?;
            cluster.run_until(cluster.now() + Duration::from_secs(5));
        }
        check_settled(&cluster)
    }

    #[test]
    fn a_pod_that_keeps_its_keys_when_it_is_gone_is_found() {
        assert_eq!(said(|_| {}, Fault::Lose), Ok(()));
        let found = said(|settings| settings.target.health.dead_after = HOUR, Fault::Lose).unwrap_err();
        assert!(found.contains("is assigned keys although it was gone for"), "{found}");
    }

    #[test]
    fn a_pod_that_drains_and_is_not_let_go_is_found() {
        assert_eq!(said(|_| {}, Fault::Drain), Ok(()));
        let lingers = |settings: &mut ClusterSettings| {
            settings.target.handoff.leave_linger = HOUR;
            settings.target.handoff.drain_timeout = HOUR;
        };
        let found = said(lingers, Fault::Drain).unwrap_err();
        assert!(found.contains("has asked to drain and was not let go"), "{found}");
    }

    #[test]
    fn a_generation_that_does_not_grow_is_found() {
        let generation = |number| Generation::from_number(number).unwrap();
        assert_eq!(grows("pod-1", generation(3), generation(4)), Ok(()));
        let found = grows("pod-1", generation(3), generation(3)).unwrap_err();
        assert_eq!(found, "the generation of pod-1 went from 3 to 3");
    }
}
