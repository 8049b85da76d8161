//! Liveness in the brain of a target: probes, deaths, mass failures and pods that are held back.

use super::TargetBrain;
use crate::assigner::ProbeOutcome;
use crate::assigner::event::TargetAction;
use crate::assigner::mass_failure::MassFailure;
use crate::assigner::trouble::{Alarm, Trouble};
use crate::pod::{Incarnation, PodName};
use crate::time::Timestamp;

impl TargetBrain {
    /// Probes suspects, reverts deaths when a mass failure begins, and releases pods that were held back.
    pub(super) fn review_liveness(&mut self, now: Timestamp) -> Vec<TargetAction> {
        let mut actions = self.probes(now);
        let is_mass_failure = self.current_mass_failure(now).is_some();
        if self.mass_failure_guard.observe(is_mass_failure, now) {
            self.health.revert_deaths(now);
        }
        if self.mass_failure_guard.start_due_check(now) {
            actions.push(TargetAction::ConfirmLeadership);
        }
        self.flap_damping.expire(now);
        if !self
            .state
            .pods
            .iter()
            .any(|(name, record)| !record.is_draining && self.is_ready(name))
        {
            self.flap_damping.release_all();
        }
        actions.extend(self.alert(is_mass_failure, now));
        actions
    }

    /// When the next liveness review is due.
    pub(super) fn liveness_wake_at(&self, now: Timestamp) -> Timestamp {
        let health = self.health.wake_at(&self.state.settings.health);
        let mass_failure = self.current_mass_failure(now);
        let is_over = mass_failure.map_or(Timestamp::NEVER, |failure| failure.until);
        let guard = self.mass_failure_guard.wake_at().min(is_over);
        health.min(guard).min(self.flap_damping.wake_at())
    }

    pub(super) fn on_probe(&mut self, pod: &PodName, incarnation: Incarnation, outcome: ProbeOutcome, now: Timestamp) {
        let timeout = self
            .mass_failure_guard
            .death_timeout(self.state.settings.health.dead_after);
        self.health.on_probe(pod, incarnation, outcome, timeout, now);
    }

    /// Records the outcome of a leadership check. Once leadership is confirmed, all suspects are probed again: only
    /// outcomes from then on count.
    pub(super) fn on_leadership_check(&mut self, leads: bool, now: Timestamp) {
        if self.mass_failure_guard.on_leadership_check(leads, now) {
            self.health.hasten_probes(now);
        }
    }

    /// Whether the pod may own slices unless it drains: it has started and is not held back.
    pub(super) fn is_ready(&self, name: &PodName) -> bool {
        !self.health.is_starting(name) && !self.flap_damping.is_held_back(name)
    }

    /// The pod failures to be reported to operators.
    pub(super) fn troubles(&self, now: Timestamp) -> Vec<Trouble> {
        let death_timeout = self
            .mass_failure_guard
            .death_timeout(self.state.settings.health.dead_after);
        let mass_failure = self.current_mass_failure(now).map(|failure| Trouble::MassFailure {
            failed_count: failure.failed_count,
            pod_count: failure.pod_count,
            death_timeout,
        });
        let held_back = self.flap_damping.held_back().map(|held| Trouble::HeldBack {
            pod: held.pod.clone(),
            death_count: held.death_count,
            remaining: held.until.since(now),
        });
        mass_failure.into_iter().chain(held_back).collect()
    }

    fn probes(&mut self, now: Timestamp) -> Vec<TargetAction> {
        let due = self.health.start_due_probes(&self.state.settings.health, now);
        let is_draining = |name: &&PodName| self.state.pods.get(*name).is_some_and(|record| record.is_draining);
        let failed = self.health.failed().filter(|name| !is_draining(name));
        self.mass_failure.observe(failed, now);
        let records = due.iter().filter_map(|name| self.state.pods.get(name));
        records.map(|record| TargetAction::Probe(record.pod.clone())).collect()
    }

    fn current_mass_failure(&self, now: Timestamp) -> Option<MassFailure> {
        let share = self.state.settings.health.mass_failure_share;
        self.mass_failure.mass_failure(&self.state.pods, share, now)
    }

    /// Updates the gauges to be alerted on if they have changed.
    fn alert(&mut self, is_mass_failure: bool, now: Timestamp) -> Option<TargetAction> {
        let alarm = Alarm {
            is_mass_failure,
            held_back_count: self.flap_damping.held_back().count(),
        };
        let before = std::mem::replace(&mut self.alarm, alarm);
        self.incidents.on_alarm(before, alarm, now);
        (before != alarm).then_some(TargetAction::Alert(alarm))
    }
}
