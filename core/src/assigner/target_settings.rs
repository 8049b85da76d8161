//! The settings of one target, replicated to every member of the assigner.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::balancer::BalancerSettings;
use crate::load::Load;
use crate::session_settings::SessionSettings;
use crate::target::{KeyMode, MisrouteMode, OwnershipMode};
use crate::warmth::Warmth;

/// The settings of one target. Validated once, by [`TargetSettings::validated`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetSettings {
    /// How application keys become slice keys; fixed when the target is created.
    pub key_mode: KeyMode,
    /// Whether two pods may own a key at the same time.
    pub ownership: OwnershipMode,
    /// Capacity, replicas and tolerance.
    pub balancer: BalancerSettings,
    /// When decisions are made.
    pub pacing: PacingSettings,
    /// When a pod is suspected, and when it is declared dead.
    pub health: HealthSettings,
    /// How slices move from owner to owner.
    pub handoff: HandoffSettings,
    /// The limit on object store requests.
    pub store: StoreSettings,
    /// How a pod handles requests for keys that another pod owns.
    pub misroute: MisrouteMode,
}

impl From<&TargetSettings> for SessionSettings {
    fn from(settings: &TargetSettings) -> Self {
        Self {
            key_mode: settings.key_mode,
            ownership: settings.ownership,
            heartbeat_interval: settings.health.heartbeat_interval,
            load_report_interval: settings.health.load_report_interval,
            drain_timeout: settings.handoff.drain_timeout,
            warm_share_thousandths: settings.handoff.warm_share_thousandths,
            misroute: settings.misroute,
        }
    }
}

/// When decisions are made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PacingSettings {
    /// How long pods that join or drain are gathered before slices move, so that pods that start together, or one that
    /// replaces another, cause one change.
    pub gather: Duration,
    /// The shortest interval between two decisions for balance.
    pub balance_interval: Duration,
    /// How long after pods joined or left no decision for balance is made: the load must be measured again first.
    pub settle: Duration,
    /// How long the slices of a draining pod wait for its replacement during a rolling update.
    pub join_grace: Duration,
    /// The shortest interval between two decisions for balance while a pod is overloaded.
    pub emergency_interval: Duration,
}

/// When a pod is suspected, and when it is declared dead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthSettings {
    /// The interval between two heartbeats of a pod.
    pub heartbeat_interval: Duration,
    /// The interval between two load reports of a pod.
    pub load_report_interval: Duration,
    /// How many heartbeats in a row a pod may miss before it is suspected and probed.
    pub missed_heartbeats_max: u32,
    /// How long a suspected pod may be silent before it is declared dead.
    pub dead_after: Duration,
    /// How long a new leader waits for registered pods to open a session.
    pub leader_grace: Duration,
    /// The failure of more than this part of the pods at once, in thousandths, is a mass failure: it may be the network, so
    /// nothing moves for balance, and pods are declared dead later than usual.
    pub mass_failure_share: u32,
}

/// How slices move from owner to owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandoffSettings {
    /// How long an old owner keeps answering requests that still reach it.
    pub leave_linger: Duration,
    /// How long a draining pod keeps serving while none of its slices moves off it.
    pub drain_timeout: Duration,
    /// Whether a new owner takes over the state of a slice before it serves it.
    pub transfer: bool,
    /// A new owner is warm enough with this part of the heat of the old owner's values, in thousandths.
    pub warm_share_thousandths: u32,
    /// How long a transfer may take; after that the new owner serves with the state that it has.
    pub warm_timeout: Duration,
    /// The most slices that one pod receives at a time, and the most that one pod sends.
    pub warming_per_pod_max: u32,
    /// The most slices that all pods together receive at a time.
    pub warming_max: u32,
}

/// The limit on object store requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreSettings {
    /// The requests a second of all pods together; `None` is unlimited.
    pub requests_per_second: Option<u32>,
}

impl Default for TargetSettings {
    fn default() -> Self {
        let session = SessionSettings::UNTIL_REGISTERED;
        Self {
            key_mode: session.key_mode,
            ownership: session.ownership,
            balancer: BalancerSettings::default(),
            pacing: PacingSettings {
                gather: Duration::from_millis(300),
                balance_interval: Duration::from_secs(5),
                settle: Duration::from_secs(15),
                join_grace: Duration::from_secs(15),
                emergency_interval: Duration::from_secs(1),
            },
            health: HealthSettings {
                heartbeat_interval: session.heartbeat_interval,
                load_report_interval: session.load_report_interval,
                missed_heartbeats_max: 2,
                dead_after: Duration::from_secs(3),
                leader_grace: Duration::from_secs(3),
                // The loss of one of three zones is a mass failure only if more than exactly a third of the pods fail.
                mass_failure_share: 334,
            },
            handoff: HandoffSettings {
                leave_linger: Duration::from_secs(5),
                drain_timeout: session.drain_timeout,
                transfer: true,
                warm_share_thousandths: 950,
                warm_timeout: Duration::from_secs(10),
                warming_per_pod_max: 4,
                warming_max: 256,
            },
            store: StoreSettings {
                requests_per_second: None,
            },
            misroute: session.misroute,
        }
    }
}

/// A setting outside its limits.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize, Deserialize)]
#[error("setting {name} is {found}, allowed is {allowed}")]
pub struct SettingError {
    name: String,
    found: String,
    allowed: String,
}

impl TargetSettings {
    /// Checks that each setting is within its limits.
    ///
    /// # Errors
    /// The first setting outside its limits, with the limits.
    pub fn validated(self) -> Result<Self, SettingError> {
        let balancer = &self.balancer;
        let (replicas_min, replicas_max) = (balancer.min_replicas, balancer.max_replicas);
        check(
            "max_load_hint",
            balancer.max_load_hint,
            balancer.max_load_hint > Load::ZERO,
            "more than 0",
        )?;
        check(
            "min_replicas",
            replicas_min,
            (1..=100).contains(&replicas_min),
            "1 to 100",
        )?;
        check(
            "max_replicas",
            replicas_max,
            (replicas_min..=1_000).contains(&replicas_max),
            "min_replicas to 1000",
        )?;
        let per_pod = balancer.slices_per_pod_min;
        check(
            "slices_per_pod_min",
            per_pod,
            (1..=1_000).contains(&per_pod),
            "1 to 1000",
        )?;
        let missed = self.health.missed_heartbeats_max;
        check(
            "missed_heartbeats_max",
            missed,
            (1..=1_000).contains(&missed),
            "1 to 1000",
        )?;
        self.handoff.validate()?;
        let share = self.health.mass_failure_share;
        check("mass_failure_share", share, (1..=1_000).contains(&share), "1 to 1000")?;
        if let Some(requests) = self.store.requests_per_second {
            let is_allowed = (1..=STORE_REQUESTS_MAX).contains(&requests);
            let allowed = format!("1 to {STORE_REQUESTS_MAX}");
            check("store_requests_per_second", requests, is_allowed, &allowed)?;
        }
        for (name, duration, min) in self.durations() {
            let is_allowed = duration >= min && duration <= DURATION_MAX;
            check(
                name,
                format!("{duration:?}"),
                is_allowed,
                &format!("{min:?} to {DURATION_MAX:?}"),
            )?;
        }
        Ok(self)
    }

    fn durations(&self) -> [(&'static str, Duration, Duration); 12] {
        let (pacing, health, handoff) = (&self.pacing, &self.health, &self.handoff);
        let short = Duration::from_millis(10);
        [
            ("gather", pacing.gather, Duration::ZERO),
            ("balance_interval", pacing.balance_interval, short),
            ("settle", pacing.settle, Duration::ZERO),
            ("join_grace", pacing.join_grace, Duration::ZERO),
            ("emergency_interval", pacing.emergency_interval, short),
            ("heartbeat_interval", health.heartbeat_interval, short),
            ("load_report_interval", health.load_report_interval, short),
            ("dead_after", health.dead_after, short),
            ("leader_grace", health.leader_grace, short),
            ("leave_linger", handoff.leave_linger, Duration::ZERO),
            ("drain_timeout", handoff.drain_timeout, Duration::ZERO),
            ("warm_timeout", handoff.warm_timeout, Duration::ZERO),
        ]
    }
}

impl HandoffSettings {
    fn validate(&self) -> Result<(), SettingError> {
        let share = self.warm_share_thousandths;
        check("warm_share_thousandths", share, share <= Warmth::WHOLE, "0 to 1000")?;
        let (per_pod, total) = (self.warming_per_pod_max, self.warming_max);
        check(
            "warming_per_pod_max",
            per_pod,
            (1..=1_000).contains(&per_pod),
            "1 to 1000",
        )?;
        check("warming_max", total, (1..=100_000).contains(&total), "1 to 100000")
    }
}

/// The longest duration of any setting: nothing may be blocked for more than a day.
const DURATION_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// More than any object store answers a second.
const STORE_REQUESTS_MAX: u32 = 10_000_000;

fn check(name: &str, found: impl ToString, is_allowed: bool, allowed: &str) -> Result<(), SettingError> {
    if is_allowed {
        return Ok(());
    }
    Err(SettingError {
        name: name.to_owned(),
        found: found.to_string(),
        allowed: allowed.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_within_their_limits() {
        assert!(TargetSettings::default().validated().is_ok());
    }

    #[test]
    fn an_error_names_the_setting_and_its_limits() {
        let mut settings = TargetSettings::default();
        settings.balancer.max_replicas = 0;
        let error = settings.validated().unwrap_err().to_string();
        assert_eq!(error, "setting max_replicas is 0, allowed is min_replicas to 1000");
    }
}
