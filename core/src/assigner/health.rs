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

/// The health of a target's pods.
#[derive(Debug, Default)]
pub(super) struct Health {
    pods: BTreeMap<PodName, Vitals>,
}

#[derive(Debug)]
struct Vitals {
    incarnation: Incarnation,
    condition: Condition,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Condition {
    /// Registered with an earlier leader; has until then to come to this one.
    Awaited { until: Timestamp },
    /// Has a session.
    Heard { at: Timestamp, phase: PodPhase },
    /// Has no session, or misses heartbeats: it is probed.
    Suspect { since: Timestamp, next_probe: Timestamp },
    /// Its process is gone, or it is silent for too long.
    Dead,
}

impl Health {
    /// Awaits the registered pods that are new here, and forgets the others that have no session.
    pub(super) fn sync(&mut self, registered: &BTreeMap<PodName, PodRecord>, grace: Duration, now: Timestamp) {
        self.pods.retain(|name, vitals| {
            let is_heard = matches!(vitals.condition, Condition::Heard { .. });
            is_heard
                || registered
                    .get(name)
                    .is_some_and(|record| record.pod.incarnation == vitals.incarnation)
        });
        for (name, record) in registered {
            let awaited = Vitals {
                incarnation: record.pod.incarnation,
                condition: Condition::Awaited { until: now + grace },
            };
            self.pods.entry(name.clone()).or_insert(awaited);
        }
    }

    /// The pod gave a sign of life through its session. Answers whether that is more than was expected.
    pub(super) fn heard(&mut self, name: &PodName, incarnation: Incarnation, phase: PodPhase, now: Timestamp) -> bool {
        let condition = Condition::Heard { at: now, phase };
        match self.pods.get_mut(name) {
            Some(vitals) if vitals.incarnation == incarnation => {
                let before = std::mem::replace(&mut vitals.condition, condition);
                !matches!(before, Condition::Heard { phase: known, .. } if known == phase)
            }
            Some(_) | None => {
                self.pods.insert(name.clone(), Vitals { incarnation, condition });
                true
            }
        }
    }

    /// The pod's session broke.
    pub(super) fn lost(&mut self, name: &PodName, incarnation: Incarnation, now: Timestamp) {
        if let Some(vitals) = self.life(name, incarnation) {
            vitals.condition = Condition::Suspect {
                since: now,
                next_probe: now,
            };
        }
    }

    /// A probe came back. It counts only for a pod that is still suspected.
    pub(super) fn probed(
        &mut self,
        name: &PodName,
        incarnation: Incarnation,
        outcome: ProbeOutcome,
        settings: &HealthSettings,
        now: Timestamp,
    ) {
        let Some(vitals) = self.life(name, incarnation) else {
            return;
        };
        let Condition::Suspect { since, .. } = vitals.condition else {
            return;
        };
        vitals.condition = match outcome {
            ProbeOutcome::Refused => Condition::Dead,
            ProbeOutcome::Silent if now.since(since) >= settings.dead_after => Condition::Dead,
            ProbeOutcome::Silent => Condition::Suspect { since, next_probe: now },
            ProbeOutcome::Answered => Condition::Suspect {
                since: now,
                next_probe: now + settings.heartbeat_interval,
            },
        };
    }

    /// The pods that are to be probed now. Suspects those that have been silent for too long.
    pub(super) fn due_probes(&mut self, settings: &HealthSettings, now: Timestamp) -> Vec<PodName> {
        let mut due = Vec::new();
        for (name, vitals) in &mut self.pods {
            if vitals.condition.deadline(settings) > now {
                continue;
            }
            let since = match vitals.condition {
                Condition::Suspect { since, .. } => since,
                Condition::Heard { at, .. } => at,
                Condition::Awaited { .. } | Condition::Dead => now,
            };
            vitals.condition = Condition::Suspect {
                since,
                next_probe: now + PROBE_DEADLINE * 2,
            };
            due.push(name.clone());
        }
        due
    }

    /// The dead, with the life that ended.
    pub(super) fn dead(&self) -> impl Iterator<Item = (&PodName, Incarnation)> {
        let is_dead = |(_, vitals): &(&PodName, &Vitals)| vitals.condition == Condition::Dead;
        self.pods
            .iter()
            .filter(is_dead)
            .map(|(name, vitals)| (name, vitals.incarnation))
    }

    /// The pods that are suspected or dead.
    pub(super) fn fallen(&self) -> impl Iterator<Item = &PodName> {
        let has_fallen = |(_, vitals): &(&PodName, &Vitals)| match vitals.condition {
            Condition::Suspect { .. } | Condition::Dead => true,
            Condition::Awaited { .. } | Condition::Heard { .. } => false,
        };
        self.pods.iter().filter(has_fallen).map(|(name, _)| name)
    }

    /// Whether the pod is known to be alive.
    pub(super) fn is_heard(&self, name: &PodName) -> bool {
        let condition = self.pods.get(name).map(|vitals| vitals.condition);
        matches!(condition, Some(Condition::Heard { .. }))
    }

    /// Whether the pod has said that it is not ready for slices yet.
    pub(super) fn is_starting(&self, name: &PodName) -> bool {
        let condition = self.pods.get(name).map(|vitals| vitals.condition);
        matches!(
            condition,
            Some(Condition::Heard {
                phase: PodPhase::Starting,
                ..
            })
        )
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

impl Condition {
    /// When the pod is to be probed if nothing is heard of it.
    fn deadline(self, settings: &HealthSettings) -> Timestamp {
        match self {
            Condition::Awaited { until } => until,
            // The heartbeat after the last one that may be missed has to be late, too.
            Condition::Heard { at, .. } => at + settings.heartbeat_interval * (settings.missed_heartbeats_max + 1),
            Condition::Suspect { next_probe, .. } => next_probe,
            Condition::Dead => Timestamp::NEVER,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assigner::TargetSettings;

    const LIFE: Incarnation = Incarnation(1);

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
        health.probed(&pod(), LIFE, ProbeOutcome::Refused, &settings, seconds(1));
        assert_eq!(health.dead().collect::<Vec<_>>(), [(&pod(), LIFE)]);
    }

    #[test]
    fn a_silent_pod_is_dead_after_three_seconds_and_probed_until_then() {
        let (mut health, settings) = heard_at_zero();
        health.lost(&pod(), LIFE, seconds(1));
        for second in 1..4 {
            assert_eq!(health.due_probes(&settings, seconds(second)), [pod()]);
            assert_eq!(health.dead().count(), 0);
            health.probed(&pod(), LIFE, ProbeOutcome::Silent, &settings, seconds(second + 1));
        }
        assert_eq!(health.dead().count(), 1);
    }

    #[test]
    fn a_pod_that_answers_is_kept_although_its_session_broke() {
        let (mut health, settings) = heard_at_zero();
        health.lost(&pod(), LIFE, seconds(1));
        for second in 1..20 {
            assert_eq!(health.due_probes(&settings, seconds(second)), [pod()]);
            health.probed(&pod(), LIFE, ProbeOutcome::Answered, &settings, seconds(second));
        }
        assert_eq!(health.dead().count(), 0);
    }

    #[test]
    fn a_probe_of_an_earlier_life_says_nothing_about_this_one() {
        let (mut health, settings) = heard_at_zero();
        health.lost(&pod(), LIFE, seconds(1));
        health.heard(&pod(), Incarnation(2), PodPhase::Ready, seconds(1));
        health.probed(&pod(), LIFE, ProbeOutcome::Refused, &settings, seconds(1));
        assert_eq!(health.dead().count(), 0);
    }
}
