//! The health of one pod: a state machine driven by heartbeats, lost sessions, clerk reports and probes.
//!
//! ```text
//!                          clerk report
//!              Alive ------------------------> Unreachable
//!             ^ ^  | <------------------------  |      |
//!   heartbeat | |  | heartbeat, probe answered  |      | refused
//!             | |  |         or silent          |      |
//!    Awaited -+ |  | session lost,              |      |
//!       |       |  | heartbeats missed          |      |
//!       | grace |  v                            |      v
//!       +----> Suspect <------------------------+     Dead
//!               |  ^  session lost, heartbeats missed  ^
//!               |  |                                   |
//!               |  +---- death reverted ---------------|
//!               +------- refused, silent too long -----+
//! ```
//!
//! A heartbeat leads from every state to Alive.

use std::time::Duration;

use super::probe::{PROBE_INTERVAL, ProbeOutcome, ProbeSchedule};
use super::target_settings::HealthSettings;
use crate::pod::{Incarnation, PodPhase};
use crate::time::Timestamp;

/// Only the first clerk report about a pod within this time starts a probe, so that many clerks cause one probe a second.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// One incarnation of a pod.
#[derive(Debug)]
pub(super) struct PodHealth {
    pub(super) incarnation: Incarnation,
    /// As of its last heartbeat.
    pub(super) phase: PodPhase,
    state: HealthState,
    probes_in_flight: u32,
    reports_ignored_until: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum HealthState {
    /// Registered with an earlier leader; suspected unless it opens a session with this one before `until`.
    Awaited { until: Timestamp },
    /// Has a session and sends heartbeats.
    Alive { heartbeat_at: Timestamp },
    /// Has a session, but a clerk could not reach it: it is probed.
    Unreachable {
        heartbeat_at: Timestamp,
        probes: ProbeSchedule,
    },
    /// Has no session, or missed heartbeats: it is probed.
    Suspect { since: Timestamp, probes: ProbeSchedule },
    /// Its address refuses connections, or it was silent for the death timeout.
    Dead { since: Timestamp },
}

impl PodHealth {
    /// A pod that is registered and has no session with this leader yet.
    pub(super) const fn awaited(incarnation: Incarnation, until: Timestamp) -> Self {
        Self::new(incarnation, PodPhase::Ready, HealthState::Awaited { until })
    }

    /// A pod whose first heartbeat arrived.
    pub(super) const fn alive(incarnation: Incarnation, phase: PodPhase, now: Timestamp) -> Self {
        Self::new(incarnation, phase, HealthState::Alive { heartbeat_at: now })
    }

    const fn new(incarnation: Incarnation, phase: PodPhase, state: HealthState) -> Self {
        Self {
            incarnation,
            phase,
            state,
            probes_in_flight: 0,
            reports_ignored_until: Timestamp::ZERO,
        }
    }

    /// Whether it has a session and misses no heartbeats.
    pub(super) const fn is_alive(&self) -> bool {
        matches!(self.state, HealthState::Alive { .. } | HealthState::Unreachable { .. })
    }

    pub(super) const fn is_dead(&self) -> bool {
        matches!(self.state, HealthState::Dead { .. })
    }

    /// Whether it is suspected or dead. A clerk report alone is not enough.
    pub(super) const fn has_failed(&self) -> bool {
        match self.state {
            HealthState::Suspect { .. } | HealthState::Dead { .. } => true,
            HealthState::Awaited { .. } | HealthState::Alive { .. } | HealthState::Unreachable { .. } => false,
        }
    }

    /// Records a heartbeat; returns whether it changes the health or the phase of the pod.
    pub(super) fn on_heartbeat(&mut self, phase: PodPhase, now: Timestamp) -> bool {
        let is_unchanged = self.is_alive() && self.phase == phase;
        // ## any -> Alive: a heartbeat arrived
        self.state = HealthState::Alive { heartbeat_at: now };
        self.phase = phase;
        !is_unchanged
    }

    pub(super) fn on_session_lost(&mut self, now: Timestamp) {
        let since = match self.state {
            // ## Awaited, Alive, Unreachable -> Suspect: the session is lost
            HealthState::Awaited { .. } | HealthState::Alive { .. } | HealthState::Unreachable { .. } => now,
            // ## Suspect -> Suspect: probed at once; it has been silent since before the session was lost
            HealthState::Suspect { since, .. } => since,
            HealthState::Dead { .. } => return,
        };
        let probes = ProbeSchedule::starting_at(now);
        self.state = HealthState::Suspect { since, probes };
    }

    /// Records that a clerk could not reach the pod; returns whether a probe is due. A pod that is not alive is probed
    /// anyway.
    pub(super) fn on_unreachable_report(&mut self, now: Timestamp) -> bool {
        let HealthState::Alive { heartbeat_at } = self.state else {
            return false;
        };
        if now < self.reports_ignored_until {
            return false;
        }
        self.reports_ignored_until = now + REPORT_INTERVAL;
        // ## Alive -> Unreachable: a clerk could not reach it
        self.state = HealthState::Unreachable {
            heartbeat_at,
            probes: ProbeSchedule::starting_at(now),
        };
        true
    }

    /// Records the outcome of a probe. It has an effect only on a pod that is still suspected or reported unreachable.
    /// `death_timeout` is how long a pod may be silent before it is dead; `None` while no pod is declared dead.
    pub(super) fn on_probe(&mut self, outcome: ProbeOutcome, death_timeout: Option<Duration>, now: Timestamp) {
        self.probes_in_flight = self.probes_in_flight.saturating_sub(1);
        let is_last = self.probes_in_flight == 0;
        let is_too_long = |since| death_timeout.is_some_and(|timeout| now.since(since) >= timeout);
        self.state = match (self.state, outcome) {
            // ## Unreachable -> Dead, or Suspect while no pod is declared dead: the address refuses
            (HealthState::Unreachable { heartbeat_at, probes }, ProbeOutcome::Refused) => {
                refused(heartbeat_at, probes, death_timeout.is_some(), now)
            }
            // ## Unreachable -> Alive: while a pod has a session, heartbeats are stronger evidence than these outcomes
            (HealthState::Unreachable { heartbeat_at, .. }, ProbeOutcome::Silent | ProbeOutcome::Answered) => {
                HealthState::Alive { heartbeat_at }
            }
            // ## Suspect -> Dead, or Suspect while no pod is declared dead: the address refuses
            (HealthState::Suspect { since, probes }, ProbeOutcome::Refused) => {
                refused(since, probes, death_timeout.is_some(), now)
            }
            // ## Suspect -> Dead: silent for the death timeout
            (HealthState::Suspect { since, .. }, ProbeOutcome::Silent) if is_too_long(since) => {
                HealthState::Dead { since }
            }
            // ## Suspect -> Suspect: silent; probed again once no probe is in flight
            (HealthState::Suspect { since, probes }, ProbeOutcome::Silent) => HealthState::Suspect {
                since,
                probes: if is_last { probes.retried(now) } else { probes },
            },
            // ## Suspect -> Suspect: the address answers, so the silence starts over
            (HealthState::Suspect { .. }, ProbeOutcome::Answered) => HealthState::Suspect {
                since: now,
                probes: ProbeSchedule::starting_at(now + PROBE_INTERVAL),
            },
            (
                unprobed @ (HealthState::Awaited { .. } | HealthState::Alive { .. } | HealthState::Dead { .. }),
                ProbeOutcome::Refused | ProbeOutcome::Silent | ProbeOutcome::Answered,
            ) => unprobed,
        };
    }

    /// Makes a dead pod a suspect, so that another probe must confirm its death.
    pub(super) fn revert_death(&mut self, now: Timestamp) {
        if let HealthState::Dead { since } = self.state {
            // ## Dead -> Suspect: many pods failed at once
            let probes = ProbeSchedule::starting_at(now + PROBE_INTERVAL);
            self.state = HealthState::Suspect { since, probes };
        }
    }

    /// Makes a suspect's next probe due now.
    pub(super) fn hasten_probe(&mut self, now: Timestamp) {
        if let HealthState::Suspect { probes, .. } = &mut self.state {
            probes.next_at = now;
        }
    }

    /// Starts the probe that is due at [`PodHealth::deadline`].
    pub(super) fn start_probe(&mut self, settings: &HealthSettings, now: Timestamp) {
        let probes = ProbeSchedule::sent(now);
        self.probes_in_flight = self.probes_in_flight.saturating_add(1);
        self.state = match self.state {
            // ## Unreachable -> Unreachable: probed
            HealthState::Unreachable { heartbeat_at, .. } if now < silent_at(heartbeat_at, settings) => {
                HealthState::Unreachable { heartbeat_at, probes }
            }
            // ## Unreachable, Alive -> Suspect: heartbeats are missing; Suspect -> Suspect: probed again
            HealthState::Unreachable {
                heartbeat_at: since, ..
            }
            | HealthState::Alive { heartbeat_at: since }
            | HealthState::Suspect { since, .. } => HealthState::Suspect { since, probes },
            // ## Awaited -> Suspect: no session within the grace of a new leader
            HealthState::Awaited { .. } | HealthState::Dead { .. } => HealthState::Suspect { since: now, probes },
        };
    }

    /// When the next probe of the pod is due unless a heartbeat arrives.
    pub(super) fn deadline(&self, settings: &HealthSettings) -> Timestamp {
        match self.state {
            HealthState::Awaited { until } => until,
            HealthState::Alive { heartbeat_at } => silent_at(heartbeat_at, settings),
            HealthState::Unreachable { heartbeat_at, probes } => probes.next_at.min(silent_at(heartbeat_at, settings)),
            HealthState::Suspect { probes, .. } => probes.next_at,
            HealthState::Dead { .. } => Timestamp::NEVER,
        }
    }
}

/// When a pod whose last heartbeat arrived at `heartbeat_at` is suspected: once it has missed one heartbeat more than
/// it may.
fn silent_at(heartbeat_at: Timestamp, settings: &HealthSettings) -> Timestamp {
    heartbeat_at + settings.heartbeat_interval * (settings.missed_heartbeats_max + 1)
}

/// The state of a pod whose address refuses connections.
fn refused(since: Timestamp, probes: ProbeSchedule, may_declare_dead: bool, now: Timestamp) -> HealthState {
    match may_declare_dead {
        true => HealthState::Dead { since },
        false => HealthState::Suspect {
            since,
            probes: probes.next_probe_at(now + PROBE_INTERVAL),
        },
    }
}
