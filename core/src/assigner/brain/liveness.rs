//! How the brain of a target watches over its pods: who is probed, whose death is believed, who is held back.

use super::TargetBrain;
use crate::assigner::ProbeOutcome;
use crate::assigner::event::TargetAction;
use crate::assigner::mass_failure::MassFailure;
use crate::assigner::trouble::{Alarm, Trouble};
use crate::pod::{Incarnation, PodName};
use crate::time::Timestamp;

impl TargetBrain {
    /// Probes whoever is suspected, doubts that pods are dead when many are, and lets go of those held back.
    pub(super) fn watch_pods(&mut self, now: Timestamp) -> Vec<TargetAction> {
        let mut actions = self.probes(now);
        let is_mass_failure = self.mass_failure(now).is_some();
        if self.caution.observe(is_mass_failure, now) {
            self.health.doubt_deaths(now);
        }
        if self.caution.take_question(now) {
            actions.push(TargetAction::ConfirmLeadership);
        }
        self.flapping.pass(now);
        if !self
            .state
            .pods
            .iter()
            .any(|(name, record)| !record.is_draining && self.is_ready(name))
        {
            self.flapping.pardon();
        }
        actions.extend(self.alert(is_mass_failure));
        actions
    }

    /// When that is to be done again.
    pub(super) fn watch_at(&self, now: Timestamp) -> Timestamp {
        let health = self.health.wake_at(&self.state.settings.health);
        let is_over = self.mass_failure(now).map_or(Timestamp::NEVER, |failure| failure.until);
        let caution = self.caution.wake_at().min(is_over);
        health.min(caution).min(self.flapping.wake_at())
    }

    /// A probe came back.
    pub(super) fn probed(&mut self, pod: &PodName, incarnation: Incarnation, outcome: ProbeOutcome, now: Timestamp) {
        let patience = self.caution.patience(self.state.settings.health.dead_after);
        self.health.probed(pod, incarnation, outcome, patience, now);
    }

    /// A quorum was asked whether this member leads. If it does, what was found of pods before counts no longer.
    pub(super) fn leadership_checked(&mut self, leads: bool, now: Timestamp) {
        if self.caution.answered(leads, now) {
            self.health.probe_again(now);
        }
    }

    /// Whether the pod may be given slices, as far as it is up to the pod.
    pub(super) fn is_ready(&self, name: &PodName) -> bool {
        !self.health.is_starting(name) && !self.flapping.is_held(name)
    }

    /// What is wrong with the pods.
    pub(super) fn troubles(&self, now: Timestamp) -> Vec<Trouble> {
        let patience = self.caution.patience(self.state.settings.health.dead_after);
        let mass_failure = self.mass_failure(now).map(|failure| Trouble::MassFailure {
            fallen_count: failure.fallen_count,
            pod_count: failure.pod_count,
            patience,
        });
        let held_back = self.flapping.held().map(|held| Trouble::HeldBack {
            pod: held.pod.clone(),
            death_count: held.death_count,
            left: held.until.since(now),
        });
        mass_failure.into_iter().chain(held_back).collect()
    }

    fn probes(&mut self, now: Timestamp) -> Vec<TargetAction> {
        let due = self.health.due_probes(&self.state.settings.health, now);
        let drains = |name: &&PodName| self.state.pods.get(*name).is_some_and(|record| record.is_draining);
        self.outage
            .observe(self.health.fallen().filter(|name| !drains(name)), now);
        let records = due.iter().filter_map(|name| self.state.pods.get(name));
        records.map(|record| TargetAction::Probe(record.pod.clone())).collect()
    }

    fn mass_failure(&self, now: Timestamp) -> Option<MassFailure> {
        let share = self.state.settings.health.mass_failure_share;
        self.outage.mass_failure(&self.state.pods, share, now)
    }

    /// What is to be alerted on, if that has changed.
    fn alert(&mut self, is_mass_failure: bool) -> Option<TargetAction> {
        let alarm = Alarm {
            is_mass_failure,
            held_back_count: self.flapping.held().count(),
        };
        let before = std::mem::replace(&mut self.alarm, alarm);
        (before != alarm).then_some(TargetAction::Alert(alarm))
    }
}
