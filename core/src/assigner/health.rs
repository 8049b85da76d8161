//! Health: which pods of a target are alive, suspected or dead.

use std::collections::BTreeMap;
use std::time::Duration;

use super::cluster::PodRecord;
use super::pod_health::PodHealth;
use super::probe::ProbeOutcome;
use super::target_settings::HealthSettings;
use crate::pod::{Incarnation, PodName, PodPhase};
use crate::time::Timestamp;

/// The health of a target's pods. Events of an incarnation other than the newest have no effect.
#[derive(Debug, Default)]
pub(super) struct Health {
    pods: BTreeMap<PodName, PodHealth>,
}

impl Health {
    /// Gives registered pods that are new here `grace` to open a session, and forgets unregistered pods without one.
    pub(super) fn sync(&mut self, registered: &BTreeMap<PodName, PodRecord>, grace: Duration, now: Timestamp) {
        self.pods.retain(|name, health| {
            health.is_alive()
                || registered
                    .get(name)
                    .is_some_and(|record| record.pod.incarnation == health.incarnation)
        });
        for (name, record) in registered {
            let awaited = PodHealth::awaited(record.pod.incarnation, now + grace);
            self.pods.entry(name.clone()).or_insert(awaited);
        }
    }

    /// Records a heartbeat; returns whether it changes the health or the phase of the pod.
    pub(super) fn on_heartbeat(
        &mut self,
        name: &PodName,
        incarnation: Incarnation,
        phase: PodPhase,
        now: Timestamp,
    ) -> bool {
        match self.pods.get_mut(name) {
            Some(health) if health.incarnation == incarnation => health.on_heartbeat(phase, now),
            Some(_) | None => {
                let health = PodHealth::alive(incarnation, phase, now);
                self.pods.insert(name.clone(), health);
                true
            }
        }
    }

    pub(super) fn on_session_lost(&mut self, name: &PodName, incarnation: Incarnation, now: Timestamp) {
        if let Some(health) = self.get_mut(name, incarnation) {
            health.on_session_lost(now);
        }
    }

    /// Records that a clerk could not reach the pod; returns whether a probe is due.
    pub(super) fn on_unreachable_report(&mut self, name: &PodName, incarnation: Incarnation, now: Timestamp) -> bool {
        self.get_mut(name, incarnation)
            .is_some_and(|health| health.on_unreachable_report(now))
    }

    /// Records the outcome of a probe. `death_timeout` is how long a pod may be silent before it is dead; `None` while no
    /// pod is declared dead.
    pub(super) fn on_probe(
        &mut self,
        name: &PodName,
        incarnation: Incarnation,
        outcome: ProbeOutcome,
        death_timeout: Option<Duration>,
        now: Timestamp,
    ) {
        if let Some(health) = self.get_mut(name, incarnation) {
            health.on_probe(outcome, death_timeout, now);
        }
    }

    /// Makes all dead pods suspects, so that another probe must confirm their deaths.
    pub(super) fn revert_deaths(&mut self, now: Timestamp) {
        self.pods.values_mut().for_each(|health| health.revert_death(now));
    }

    /// Makes the next probe of every suspect due now, regardless of the outcomes of earlier probes.
    pub(super) fn hasten_probes(&mut self, now: Timestamp) {
        self.pods.values_mut().for_each(|health| health.hasten_probe(now));
    }

    /// Starts the probes that are due and returns their pods. Suspects pods whose heartbeats are missing.
    pub(super) fn start_due_probes(&mut self, settings: &HealthSettings, now: Timestamp) -> Vec<PodName> {
        let mut due = Vec::new();
        for (name, health) in &mut self.pods {
            if health.deadline(settings) <= now {
                health.start_probe(settings, now);
                due.push(name.clone());
            }
        }
        due
    }

    /// The dead pods, with the incarnation that died.
    pub(super) fn dead(&self) -> impl Iterator<Item = (&PodName, Incarnation)> {
        let dead = self.pods.iter().filter(|(_, health)| health.is_dead());
        dead.map(|(name, health)| (name, health.incarnation))
    }

    /// The pods that are suspected or dead.
    pub(super) fn failed(&self) -> impl Iterator<Item = &PodName> {
        let failed = self.pods.iter().filter(|(_, health)| health.has_failed());
        failed.map(|(name, _)| name)
    }

    /// Whether the pod is suspected or dead.
    pub(super) fn has_failed(&self, name: &PodName) -> bool {
        self.pods.get(name).is_some_and(PodHealth::has_failed)
    }

    pub(super) fn is_alive(&self, name: &PodName) -> bool {
        self.pods.get(name).is_some_and(PodHealth::is_alive)
    }

    /// Whether the pod's last heartbeat reported that it is not ready for slices yet.
    pub(super) fn is_starting(&self, name: &PodName) -> bool {
        let phase = self.pods.get(name).map(|health| health.phase);
        phase == Some(PodPhase::Starting)
    }

    /// When the next probe is due unless heartbeats arrive: see [`Health::start_due_probes`].
    pub(super) fn wake_at(&self, settings: &HealthSettings) -> Timestamp {
        let deadlines = self.pods.values().map(|health| health.deadline(settings));
        deadlines.min().unwrap_or(Timestamp::NEVER)
    }

    fn get_mut(&mut self, name: &PodName, incarnation: Incarnation) -> Option<&mut PodHealth> {
        self.pods
            .get_mut(name)
            .filter(|health| health.incarnation == incarnation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assigner::TargetSettings;
    use crate::assigner::probe::PROBE_INTERVAL;
    use crate::pod::fixtures::pod_name;

    const FIRST: Incarnation = Incarnation(1);
    const DEATH_TIMEOUT: Option<Duration> = Some(Duration::from_secs(3));

    fn pod() -> PodName {
        pod_name(0)
    }

    fn seconds(seconds: u64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    fn alive_at_zero() -> (Health, HealthSettings) {
        let mut health = Health::default();
        health.on_heartbeat(&pod(), FIRST, PodPhase::Ready, seconds(0));
        (health, TargetSettings::default().health)
    }

    #[test]
    fn a_pod_is_suspected_when_the_third_heartbeat_in_a_row_is_late() {
        let (mut health, settings) = alive_at_zero();
        assert_eq!(health.wake_at(&settings), Timestamp::from_millis(1_500));
        assert!(
            health
                .start_due_probes(&settings, Timestamp::from_millis(1_499))
                .is_empty()
        );
        assert_eq!(
            health.start_due_probes(&settings, Timestamp::from_millis(1_500)),
            [pod()]
        );
        assert_eq!(health.dead().count(), 0, "a suspect is not dead");
    }

    #[test]
    fn a_pod_that_refuses_connections_is_dead_at_once() {
        let (mut health, settings) = alive_at_zero();
        health.on_session_lost(&pod(), FIRST, seconds(1));
        assert_eq!(health.start_due_probes(&settings, seconds(1)), [pod()]);
        health.on_probe(&pod(), FIRST, ProbeOutcome::Refused, DEATH_TIMEOUT, seconds(1));
        assert_eq!(health.dead().collect::<Vec<_>>(), [(&pod(), FIRST)]);
    }

    #[test]
    fn a_silent_pod_is_dead_after_three_seconds_and_probed_until_then() {
        let (mut health, settings) = alive_at_zero();
        health.on_session_lost(&pod(), FIRST, seconds(1));
        for second in 1..4 {
            assert_eq!(health.start_due_probes(&settings, seconds(second)), [pod()]);
            assert_eq!(health.dead().count(), 0);
            health.on_probe(&pod(), FIRST, ProbeOutcome::Silent, DEATH_TIMEOUT, seconds(second + 1));
        }
        assert_eq!(health.dead().count(), 1);
    }

    #[test]
    fn a_pod_that_answers_probes_stays_alive_without_a_session() {
        let (mut health, settings) = alive_at_zero();
        health.on_session_lost(&pod(), FIRST, seconds(1));
        for second in 1..20 {
            assert_eq!(health.start_due_probes(&settings, seconds(second)), [pod()]);
            health.on_probe(&pod(), FIRST, ProbeOutcome::Answered, DEATH_TIMEOUT, seconds(second));
        }
        assert_eq!(health.dead().count(), 0);
    }

    #[test]
    fn a_probe_of_an_earlier_incarnation_has_no_effect() {
        let (mut health, _) = alive_at_zero();
        health.on_session_lost(&pod(), FIRST, seconds(1));
        health.on_heartbeat(&pod(), Incarnation(2), PodPhase::Ready, seconds(1));
        health.on_probe(&pod(), FIRST, ProbeOutcome::Refused, DEATH_TIMEOUT, seconds(1));
        assert_eq!(health.dead().count(), 0);
    }

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn a_pod_reported_by_clerks_is_probed_at_once_and_its_next_heartbeat_overrides_the_probe() {
        let (mut health, settings) = alive_at_zero();
        assert!(health.on_unreachable_report(&pod(), FIRST, at(100)));
        assert_eq!(health.start_due_probes(&settings, at(100)), [pod()]);
        assert!(health.is_alive(&pod()), "it still has a session");
        assert_eq!(health.failed().count(), 0);
        let is_change = health.on_heartbeat(&pod(), FIRST, PodPhase::Ready, at(500));
        assert!(!is_change);
        health.on_probe(&pod(), FIRST, ProbeOutcome::Refused, DEATH_TIMEOUT, at(501));
        assert_eq!(health.dead().count(), 0, "the heartbeat is newer than the probe");
    }

    #[test]
    fn a_reported_pod_that_is_silent_is_suspected_no_earlier_than_without_a_report() {
        let (mut health, settings) = alive_at_zero();
        health.on_unreachable_report(&pod(), FIRST, at(100));
        health.start_due_probes(&settings, at(100));
        health.on_probe(&pod(), FIRST, ProbeOutcome::Silent, DEATH_TIMEOUT, at(1_100));
        assert_eq!((health.failed().count(), health.wake_at(&settings)), (0, at(1_500)));
        assert_eq!(health.start_due_probes(&settings, at(1_500)), [pod()]);
        assert_eq!(health.failed().count(), 1);
    }

    #[test]
    fn many_reports_cause_one_probe_a_second() {
        let (mut health, settings) = alive_at_zero();
        let mut probe_count = 0;
        for millis in 0..5_000 {
            health.on_unreachable_report(&pod(), FIRST, at(millis));
            if !health.start_due_probes(&settings, at(millis)).is_empty() {
                probe_count += 1;
                health.on_probe(&pod(), FIRST, ProbeOutcome::Answered, DEATH_TIMEOUT, at(millis));
            }
            if millis % 500 == 0 {
                health.on_heartbeat(&pod(), FIRST, PodPhase::Ready, at(millis));
            }
        }
        assert_eq!(probe_count, 5);
    }

    #[test]
    fn reports_of_unknown_pods_and_earlier_incarnations_have_no_effect() {
        let (mut health, settings) = alive_at_zero();
        assert!(!health.on_unreachable_report(&pod(), Incarnation(7), at(1)));
        assert!(!health.on_unreachable_report(&pod_name(9), FIRST, at(1)));
        assert!(health.start_due_probes(&settings, at(1)).is_empty());
    }

    #[test]
    fn without_a_death_timeout_pods_are_probed_and_never_declared_dead() {
        let (mut health, settings) = alive_at_zero();
        health.on_session_lost(&pod(), FIRST, seconds(1));
        for second in 1..20 {
            assert_eq!(health.start_due_probes(&settings, seconds(second)), [pod()]);
            let outcome = [ProbeOutcome::Refused, ProbeOutcome::Silent][second as usize % 2];
            health.on_probe(&pod(), FIRST, outcome, None, seconds(second) + PROBE_INTERVAL);
        }
        assert_eq!(health.dead().count(), 0);
    }

    #[test]
    fn a_reverted_death_needs_another_probe() {
        let (mut health, settings) = alive_at_zero();
        health.on_session_lost(&pod(), FIRST, seconds(1));
        health.start_due_probes(&settings, seconds(1));
        health.on_probe(&pod(), FIRST, ProbeOutcome::Refused, DEATH_TIMEOUT, seconds(1));
        health.revert_deaths(seconds(1));
        assert_eq!((health.dead().count(), health.failed().count()), (0, 1));
        health.hasten_probes(seconds(1));
        assert_eq!(health.start_due_probes(&settings, seconds(1)), [pod()]);
        health.on_probe(&pod(), FIRST, ProbeOutcome::Refused, DEATH_TIMEOUT, seconds(1));
        assert_eq!(health.dead().count(), 1);
    }

    #[test]
    fn a_lost_session_does_not_restart_the_silence_of_a_suspect() {
        let (mut health, settings) = alive_at_zero();
        assert_eq!(health.start_due_probes(&settings, at(1_500)), [pod()]);
        health.on_session_lost(&pod(), FIRST, at(2_400));
        assert_eq!(health.start_due_probes(&settings, at(2_400)), [pod()]);
        health.on_probe(&pod(), FIRST, ProbeOutcome::Silent, DEATH_TIMEOUT, seconds(3));
        assert_eq!(health.dead().count(), 1);
    }

    #[test]
    fn a_probe_that_breaks_off_is_retried_after_the_retry_interval() {
        let (mut health, settings) = alive_at_zero();
        health.on_session_lost(&pod(), FIRST, seconds(1));
        health.start_due_probes(&settings, seconds(1));
        health.on_probe(&pod(), FIRST, ProbeOutcome::Silent, DEATH_TIMEOUT, at(1_001));
        assert_eq!(health.wake_at(&settings), at(1_050));
    }

    #[test]
    fn two_probes_in_flight_are_followed_by_one() {
        let (mut health, settings) = alive_at_zero();
        health.on_session_lost(&pod(), FIRST, seconds(1));
        health.start_due_probes(&settings, seconds(1));
        health.hasten_probes(at(1_400));
        health.start_due_probes(&settings, at(1_400));
        health.on_probe(&pod(), FIRST, ProbeOutcome::Silent, None, seconds(2));
        assert!(health.start_due_probes(&settings, seconds(2)).is_empty());
        health.on_probe(&pod(), FIRST, ProbeOutcome::Silent, None, at(2_400));
        assert_eq!(health.start_due_probes(&settings, at(2_400)), [pod()]);
    }

    #[test]
    fn a_pod_that_lost_its_session_while_starting_is_still_starting() {
        let mut health = Health::default();
        health.on_heartbeat(&pod(), FIRST, PodPhase::Starting, seconds(0));
        health.on_session_lost(&pod(), FIRST, seconds(1));
        assert!(health.is_starting(&pod()));
    }
}
