//! Health: which pods are alive, judged by heartbeats, broken sessions and probes.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::cluster::PodRecord;
use super::target_settings::HealthSettings;
use crate::pod::{Incarnation, PodName, PodPhase};
use crate::time::Timestamp;

/// What a probe of a pod's advertised address found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProbeOutcome {
    /// Something accepts connections there: the pod is alive, its session is at fault.
    Answered,
    /// Nothing listens there: the process is gone.
    Refused,
    /// No answer at all before the probe's own deadline.
    Silent,
}

/// How long a probe may take before it is sent again.
pub const PROBE_DEADLINE: Duration = Duration::from_secs(1);

/// Of the reports of one pod within this time only the first counts, so that many clerks cause no more probes than one.
const REPORT_PAUSE: Duration = Duration::from_secs(1);

/// How soon after a probe that broke off the next one may be sent.
const PROBE_AGAIN_AFTER: Duration = Duration::from_millis(50);

/// How long to wait before a suspect is probed again of which something was found.
const PROBE_PAUSE: Duration = Duration::from_millis(500);

/// The health of a target's pods.
#[derive(Debug, Default)]
pub(super) struct Health {
    pods: BTreeMap<PodName, Vitals>,
}

#[derive(Debug)]
struct Vitals {
    incarnation: Incarnation,
    /// What it said of itself last.
    phase: PodPhase,
    condition: Condition,
    probes_under_way: u32,
    reports_count_from: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Condition {
    /// Registered with an earlier leader; has until then to come to this one.
    Awaited { until: Timestamp },
    /// Has a session.
    Heard { at: Timestamp },
    /// Has a session, but a clerk could not reach it: it is probed.
    Reported { heard_at: Timestamp, probes: Probes },
    /// Has no session, or misses heartbeats: it is probed.
    Suspect { since: Timestamp, probes: Probes },
    /// Its process is gone, or it is silent for too long.
    Dead { since: Timestamp },
}

/// The probes of one pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Probes {
    sent_at: Timestamp,
    next_at: Timestamp,
}

impl Probes {
    const fn from(next_at: Timestamp) -> Self {
        let sent_at = Timestamp::ZERO;
        Self { sent_at, next_at }
    }

    /// Should no answer come at all, the next one is sent later.
    fn sent(now: Timestamp) -> Self {
        Self {
            sent_at: now,
            next_at: now + PROBE_DEADLINE * 2,
        }
    }

    /// The probes that came back without an answer are followed by the next one, which may find more: a process that
    /// is just ending takes connections that it will never serve.
    fn again(self, now: Timestamp) -> Self {
        Self {
            next_at: now.max(self.sent_at + PROBE_AGAIN_AFTER),
            ..self
        }
    }
}

impl Health {
    /// Awaits the registered pods that are new here, and forgets the others that have no session.
    pub(super) fn sync(&mut self, registered: &BTreeMap<PodName, PodRecord>, grace: Duration, now: Timestamp) {
        self.pods.retain(|name, vitals| {
            vitals.is_heard()
                || registered
                    .get(name)
                    .is_some_and(|record| record.pod.incarnation == vitals.incarnation)
        });
        for (name, record) in registered {
            let condition = Condition::Awaited { until: now + grace };
            let awaited = Vitals::new(record.pod.incarnation, PodPhase::Ready, condition);
            self.pods.entry(name.clone()).or_insert(awaited);
        }
    }

    /// The pod gave a sign of life through its session. Answers whether that is more than was expected.
    pub(super) fn heard(&mut self, name: &PodName, incarnation: Incarnation, phase: PodPhase, now: Timestamp) -> bool {
        let condition = Condition::Heard { at: now };
        match self.pods.get_mut(name) {
            Some(vitals) if vitals.incarnation == incarnation => {
                let is_expected = vitals.is_heard() && vitals.phase == phase;
                vitals.condition = condition;
                vitals.phase = phase;
                !is_expected
            }
            Some(_) | None => {
                let vitals = Vitals::new(incarnation, phase, condition);
                self.pods.insert(name.clone(), vitals);
                true
            }
        }
    }

    /// The pod's session broke.
    pub(super) fn lost(&mut self, name: &PodName, incarnation: Incarnation, now: Timestamp) {
        let Some(vitals) = self.life(name, incarnation) else {
            return;
        };
        let since = match vitals.condition {
            Condition::Awaited { .. } | Condition::Heard { .. } | Condition::Reported { .. } => now,
            // It has been silent for longer than its session shows.
            Condition::Suspect { since, .. } => since,
            Condition::Dead { .. } => return,
        };
        let probes = Probes::from(now);
        vitals.condition = Condition::Suspect { since, probes };
    }

    /// A clerk could not reach the pod. Answers whether that is a reason to probe it: one that is not heard is probed
    /// anyway.
    pub(super) fn reported(&mut self, name: &PodName, incarnation: Incarnation, now: Timestamp) -> bool {
        let Some(vitals) = self.life(name, incarnation) else {
            return false;
        };
        let Condition::Heard { at } = vitals.condition else {
            return false;
        };
        if now < vitals.reports_count_from {
            return false;
        }
        vitals.reports_count_from = now + REPORT_PAUSE;
        vitals.condition = Condition::Reported {
            heard_at: at,
            probes: Probes::from(now),
        };
        true
    }

    /// A probe came back. It counts only for a pod that is still suspected. `patience` is how long a silent pod is
    /// kept; without it, no pod is believed to be dead.
    pub(super) fn probed(
        &mut self,
        name: &PodName,
        incarnation: Incarnation,
        outcome: ProbeOutcome,
        patience: Option<Duration>,
        now: Timestamp,
    ) {
        let Some(vitals) = self.life(name, incarnation) else {
            return;
        };
        vitals.probes_under_way = vitals.probes_under_way.saturating_sub(1);
        let is_last = vitals.probes_under_way == 0;
        vitals.condition = match (vitals.condition, outcome) {
            (Condition::Reported { heard_at, probes }, ProbeOutcome::Refused) => {
                refused(heard_at, probes, patience.is_some(), now)
            }
            // Heartbeats tell more about a pod that has a session.
            (Condition::Reported { heard_at, .. }, ProbeOutcome::Silent | ProbeOutcome::Answered) => {
                Condition::Heard { at: heard_at }
            }
            (Condition::Suspect { since, probes }, ProbeOutcome::Refused) => {
                refused(since, probes, patience.is_some(), now)
            }
            (Condition::Suspect { since, .. }, ProbeOutcome::Silent)
                if patience.is_some_and(|patience| now.since(since) >= patience) =>
            {
                Condition::Dead { since }
            }
            (Condition::Suspect { since, probes }, ProbeOutcome::Silent) => Condition::Suspect {
                since,
                probes: if is_last { probes.again(now) } else { probes },
            },
            (Condition::Suspect { .. }, ProbeOutcome::Answered) => Condition::Suspect {
                since: now,
                probes: Probes::from(now + PROBE_PAUSE),
            },
            (
                unsuspected @ (Condition::Awaited { .. } | Condition::Heard { .. } | Condition::Dead { .. }),
                ProbeOutcome::Refused | ProbeOutcome::Silent | ProbeOutcome::Answered,
            ) => unsuspected,
        };
    }

    /// The pods that were believed to be dead are no more than suspected.
    pub(super) fn doubt_deaths(&mut self, now: Timestamp) {
        for vitals in self.pods.values_mut() {
            if let Condition::Dead { since } = vitals.condition {
                let probes = Probes::from(now + PROBE_PAUSE);
                vitals.condition = Condition::Suspect { since, probes };
            }
        }
    }

    /// All suspects are to be probed now, whatever was found before.
    pub(super) fn probe_again(&mut self, now: Timestamp) {
        for vitals in self.pods.values_mut() {
            if let Condition::Suspect { probes, .. } = &mut vitals.condition {
                probes.next_at = now;
            }
        }
    }

    /// The pods that are to be probed now. Suspects those that have been silent for too long.
    pub(super) fn due_probes(&mut self, settings: &HealthSettings, now: Timestamp) -> Vec<PodName> {
        let mut due = Vec::new();
        for (name, vitals) in &mut self.pods {
            if vitals.condition.deadline(settings) > now {
                continue;
            }
            let probes = Probes::sent(now);
            vitals.probes_under_way = vitals.probes_under_way.saturating_add(1);
            vitals.condition = match vitals.condition {
                Condition::Reported { heard_at, .. } if now < silent_at(heard_at, settings) => {
                    Condition::Reported { heard_at, probes }
                }
                Condition::Reported { heard_at: since, .. }
                | Condition::Heard { at: since }
                | Condition::Suspect { since, .. } => Condition::Suspect { since, probes },
                Condition::Awaited { .. } | Condition::Dead { .. } => Condition::Suspect { since: now, probes },
            };
            due.push(name.clone());
        }
        due
    }

    /// The dead, with the life that ended.
    pub(super) fn dead(&self) -> impl Iterator<Item = (&PodName, Incarnation)> {
        let is_dead = |(_, vitals): &(&PodName, &Vitals)| matches!(vitals.condition, Condition::Dead { .. });
        self.pods
            .iter()
            .filter(is_dead)
            .map(|(name, vitals)| (name, vitals.incarnation))
    }

    /// The pods that are suspected or dead; what clerks say is not enough for that.
    pub(super) fn fallen(&self) -> impl Iterator<Item = &PodName> {
        let has_fallen = |(_, vitals): &(&PodName, &Vitals)| match vitals.condition {
            Condition::Suspect { .. } | Condition::Dead { .. } => true,
            Condition::Awaited { .. } | Condition::Heard { .. } | Condition::Reported { .. } => false,
        };
        self.pods.iter().filter(has_fallen).map(|(name, _)| name)
    }

    /// Whether the pod is known to be alive.
    pub(super) fn is_heard(&self, name: &PodName) -> bool {
        self.pods.get(name).is_some_and(Vitals::is_heard)
    }

    /// Whether the pod has said that it is not ready for slices yet.
    pub(super) fn is_starting(&self, name: &PodName) -> bool {
        let phase = self.pods.get(name).map(|vitals| vitals.phase);
        phase == Some(PodPhase::Starting)
    }

    /// When [`Health::due_probes`] is to be asked again.
    pub(super) fn wake_at(&self, settings: &HealthSettings) -> Timestamp {
        let deadlines = self.pods.values().map(|vitals| vitals.condition.deadline(settings));
        deadlines.min().unwrap_or(Timestamp::NEVER)
    }

    fn life(&mut self, name: &PodName, incarnation: Incarnation) -> Option<&mut Vitals> {
        self.pods
            .get_mut(name)
            .filter(|vitals| vitals.incarnation == incarnation)
    }
}

impl Vitals {
    const fn new(incarnation: Incarnation, phase: PodPhase, condition: Condition) -> Self {
        Self {
            incarnation,
            phase,
            condition,
            probes_under_way: 0,
            reports_count_from: Timestamp::ZERO,
        }
    }

    const fn is_heard(&self) -> bool {
        matches!(self.condition, Condition::Heard { .. } | Condition::Reported { .. })
    }
}

impl Condition {
    /// When the pod is to be probed if nothing is heard of it.
    fn deadline(self, settings: &HealthSettings) -> Timestamp {
        match self {
            Condition::Awaited { until } => until,
            Condition::Heard { at } => silent_at(at, settings),
            Condition::Reported { heard_at, probes } => probes.next_at.min(silent_at(heard_at, settings)),
            Condition::Suspect { probes, .. } => probes.next_at,
            Condition::Dead { .. } => Timestamp::NEVER,
        }
    }
}

/// When a pod that was heard at that time is suspected. The heartbeat after the last one that may be missed has to be
/// late, too.
fn silent_at(heard_at: Timestamp, settings: &HealthSettings) -> Timestamp {
    heard_at + settings.heartbeat_interval * (settings.missed_heartbeats_max + 1)
}

/// Nobody listens at the pod's address.
fn refused(since: Timestamp, probes: Probes, is_believed: bool, now: Timestamp) -> Condition {
    match is_believed {
        true => Condition::Dead { since },
        false => Condition::Suspect {
            since,
            probes: Probes {
                next_at: now + PROBE_PAUSE,
                ..probes
            },
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assigner::TargetSettings;

    const LIFE: Incarnation = Incarnation(1);
    const PATIENCE: Option<Duration> = Some(Duration::from_secs(3));

    fn pod() -> PodName {
        PodName::try_new("pod-0").unwrap()
    }

    fn seconds(seconds: u64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    fn heard_at_zero() -> (Health, HealthSettings) {
        let mut health = Health::default();
        health.heard(&pod(), LIFE, PodPhase::Ready, seconds(0));
        (health, TargetSettings::default().health)
    }

    #[test]
    fn a_pod_is_suspected_only_after_two_missed_heartbeats() {
        let (mut health, settings) = heard_at_zero();
        assert_eq!(health.wake_at(&settings), Timestamp::from_millis(1_500));
        assert!(health.due_probes(&settings, Timestamp::from_millis(1_499)).is_empty());
        assert_eq!(health.due_probes(&settings, Timestamp::from_millis(1_500)), [pod()]);
        assert_eq!(health.dead().count(), 0, "suspected is not dead");
    }

    #[test]
    fn a_pod_that_refuses_connections_is_dead_at_once() {
        let (mut health, settings) = heard_at_zero();
        health.lost(&pod(), LIFE, seconds(1));
        assert_eq!(health.due_probes(&settings, seconds(1)), [pod()]);
        health.probed(&pod(), LIFE, ProbeOutcome::Refused, PATIENCE, seconds(1));
        assert_eq!(health.dead().collect::<Vec<_>>(), [(&pod(), LIFE)]);
    }

    #[test]
    fn a_silent_pod_is_dead_after_three_seconds_and_probed_until_then() {
        let (mut health, settings) = heard_at_zero();
        health.lost(&pod(), LIFE, seconds(1));
        for second in 1..4 {
            assert_eq!(health.due_probes(&settings, seconds(second)), [pod()]);
            assert_eq!(health.dead().count(), 0);
            health.probed(&pod(), LIFE, ProbeOutcome::Silent, PATIENCE, seconds(second + 1));
        }
        assert_eq!(health.dead().count(), 1);
    }

    #[test]
    fn a_pod_that_answers_is_kept_although_its_session_broke() {
        let (mut health, settings) = heard_at_zero();
        health.lost(&pod(), LIFE, seconds(1));
        for second in 1..20 {
            assert_eq!(health.due_probes(&settings, seconds(second)), [pod()]);
            health.probed(&pod(), LIFE, ProbeOutcome::Answered, PATIENCE, seconds(second));
        }
        assert_eq!(health.dead().count(), 0);
    }

    #[test]
    fn a_probe_of_an_earlier_life_says_nothing_about_this_one() {
        let (mut health, _) = heard_at_zero();
        health.lost(&pod(), LIFE, seconds(1));
        health.heard(&pod(), Incarnation(2), PodPhase::Ready, seconds(1));
        health.probed(&pod(), LIFE, ProbeOutcome::Refused, PATIENCE, seconds(1));
        assert_eq!(health.dead().count(), 0);
    }

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn a_pod_that_clerks_report_is_probed_at_once_and_lives_on_by_its_next_heartbeat() {
        let (mut health, settings) = heard_at_zero();
        assert!(health.reported(&pod(), LIFE, at(100)));
        assert_eq!(health.due_probes(&settings, at(100)), [pod()]);
        assert!(health.is_heard(&pod()), "its session is what counts");
        assert_eq!(health.fallen().count(), 0);
        let is_news = health.heard(&pod(), LIFE, PodPhase::Ready, at(500));
        assert!(!is_news);
        health.probed(&pod(), LIFE, ProbeOutcome::Refused, PATIENCE, at(501));
        assert_eq!(
            health.dead().count(),
            0,
            "a heartbeat came later than the probe was sent"
        );
    }

    #[test]
    fn a_reported_pod_that_answers_nobody_is_suspected_as_if_it_had_not_been_reported() {
        let (mut health, settings) = heard_at_zero();
        health.reported(&pod(), LIFE, at(100));
        health.due_probes(&settings, at(100));
        health.probed(&pod(), LIFE, ProbeOutcome::Silent, PATIENCE, at(1_100));
        assert_eq!((health.fallen().count(), health.wake_at(&settings)), (0, at(1_500)));
        assert_eq!(health.due_probes(&settings, at(1_500)), [pod()]);
        assert_eq!(health.fallen().count(), 1);
    }

    #[test]
    fn many_reports_are_one_probe_a_second() {
        let (mut health, settings) = heard_at_zero();
        let mut probe_count = 0;
        for millis in 0..5_000 {
            health.reported(&pod(), LIFE, at(millis));
            if !health.due_probes(&settings, at(millis)).is_empty() {
                probe_count += 1;
                health.probed(&pod(), LIFE, ProbeOutcome::Answered, PATIENCE, at(millis));
            }
            if millis % 500 == 0 {
                health.heard(&pod(), LIFE, PodPhase::Ready, at(millis));
            }
        }
        assert_eq!(probe_count, 5);
    }

    #[test]
    fn reports_of_strangers_and_of_earlier_lives_change_nothing() {
        let (mut health, settings) = heard_at_zero();
        assert!(!health.reported(&pod(), Incarnation(7), at(1)));
        assert!(!health.reported(&PodName::try_new("pod-9").unwrap(), LIFE, at(1)));
        assert!(health.due_probes(&settings, at(1)).is_empty());
    }

    #[test]
    fn while_no_death_is_believed_pods_are_probed_and_kept() {
        let (mut health, settings) = heard_at_zero();
        health.lost(&pod(), LIFE, seconds(1));
        for second in 1..20 {
            assert_eq!(health.due_probes(&settings, seconds(second)), [pod()]);
            let outcome = [ProbeOutcome::Refused, ProbeOutcome::Silent][second as usize % 2];
            health.probed(&pod(), LIFE, outcome, None, seconds(second) + PROBE_PAUSE);
        }
        assert_eq!(health.dead().count(), 0);
    }

    #[test]
    fn a_death_that_is_doubted_has_to_be_found_anew() {
        let (mut health, settings) = heard_at_zero();
        health.lost(&pod(), LIFE, seconds(1));
        health.due_probes(&settings, seconds(1));
        health.probed(&pod(), LIFE, ProbeOutcome::Refused, PATIENCE, seconds(1));
        health.doubt_deaths(seconds(1));
        assert_eq!((health.dead().count(), health.fallen().count()), (0, 1));
        health.probe_again(seconds(1));
        assert_eq!(health.due_probes(&settings, seconds(1)), [pod()]);
        health.probed(&pod(), LIFE, ProbeOutcome::Refused, PATIENCE, seconds(1));
        assert_eq!(health.dead().count(), 1);
    }

    #[test]
    fn a_session_that_breaks_gives_a_silent_pod_no_more_time() {
        let (mut health, settings) = heard_at_zero();
        assert_eq!(health.due_probes(&settings, at(1_500)), [pod()]);
        health.lost(&pod(), LIFE, at(2_400));
        assert_eq!(health.due_probes(&settings, at(2_400)), [pod()]);
        health.probed(&pod(), LIFE, ProbeOutcome::Silent, PATIENCE, seconds(3));
        assert_eq!(health.dead().count(), 1);
    }

    #[test]
    fn a_probe_that_breaks_off_is_followed_by_another_one_soon_but_not_at_once() {
        let (mut health, settings) = heard_at_zero();
        health.lost(&pod(), LIFE, seconds(1));
        health.due_probes(&settings, seconds(1));
        health.probed(&pod(), LIFE, ProbeOutcome::Silent, PATIENCE, at(1_001));
        assert_eq!(health.wake_at(&settings), at(1_050));
    }

    #[test]
    fn two_probes_under_way_do_not_become_two_for_ever() {
        let (mut health, settings) = heard_at_zero();
        health.lost(&pod(), LIFE, seconds(1));
        health.due_probes(&settings, seconds(1));
        health.probe_again(at(1_400));
        health.due_probes(&settings, at(1_400));
        health.probed(&pod(), LIFE, ProbeOutcome::Silent, None, seconds(2));
        assert!(health.due_probes(&settings, seconds(2)).is_empty());
        health.probed(&pod(), LIFE, ProbeOutcome::Silent, None, at(2_400));
        assert_eq!(health.due_probes(&settings, at(2_400)), [pod()]);
    }

    #[test]
    fn a_pod_whose_session_broke_while_it_started_is_not_ready_yet() {
        let mut health = Health::default();
        health.heard(&pod(), LIFE, PodPhase::Starting, seconds(0));
        health.lost(&pod(), LIFE, seconds(1));
        assert!(health.is_starting(&pod()));
    }
}
