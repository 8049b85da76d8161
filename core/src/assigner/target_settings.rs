//! The settings of one target: data, replicated to every member.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::balancer::BalancerSettings;
use crate::load::Load;
use crate::session_settings::SessionSettings;
use crate::target::{KeyMode, MisrouteMode, OwnershipMode};
use crate::warmth::Warmth;

/// All that a target's owner chooses. Validated once by [`TargetSettings::validated`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetSettings {
    /// How application keys become slice keys; fixed when the target is created.
    pub key_mode: KeyMode,
    /// What is promised about ownership.
    pub ownership: OwnershipMode,
    /// What the balancer goes by.
    pub balancer: BalancerSettings,
    /// When the assigner decides.
    pub pacing: PacingSettings,
    /// When a pod is suspected, and when it is dead.
    pub health: HealthSettings,
    /// How slices change hands.
    pub handoff: HandoffSettings,
    /// What the pods may ask of their object store.
    pub store: StoreSettings,
    /// What a pod does with a request for a key that another pod owns.
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

/// When the assigner decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PacingSettings {
    /// How long pods that join or drain are gathered before slices move, so that pods that start together, or one in the
    /// place of another, share one change.
    pub gather: Duration,
    /// How often load alone may be a reason to decide.
    pub balance_interval: Duration,
    /// How long load is no reason to decide after pods came or went: it has to be measured anew first.
    pub settle: Duration,
    /// How long the slices of a pod that drains wait for a pod that takes its place, while the target's pods are being
    /// replaced one after another.
    pub join_grace: Duration,
    /// How often load may be a reason to decide while a pod has more of it than it can carry.
    pub emergency_interval: Duration,
}

/// When a pod is suspected, and when it is dead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthSettings {
    /// How often a pod says that it is alive.
    pub heartbeat_interval: Duration,
    /// How often a pod reports its load.
    pub load_report_interval: Duration,
    /// How many heartbeats in a row a pod may miss before it is suspected and probed.
    pub missed_heartbeats_max: u32,
    /// How long a suspected pod that does not answer at all is kept.
    pub dead_after: Duration,
    /// How long a new leader waits for the pods it knows to come to it.
    pub leader_grace: Duration,
    /// When more than this part of the pods fall at once, in thousandths, it may be the network: nothing moves for
    /// balance, and what it takes to believe that a pod is dead is more than usual.
    pub mass_failure_share: u32,
}

/// How slices change hands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandoffSettings {
    /// How long an old owner keeps answering late requests.
    pub leave_linger: Duration,
    /// How long a draining pod keeps serving while none of its slices moves.
    pub drain_timeout: Duration,
    /// Whether a new owner gets a slice's state ready before it is asked for it.
    pub transfer: bool,
    /// It is ready with this part of the heat that the old owner's values have, in thousandths.
    pub warm_share_thousandths: u32,
    /// How long it may take: then it is asked for the slice with whatever it has.
    pub warm_timeout: Duration,
    /// How many slices at a time one pod gets ready, and how many are got from one pod.
    pub warming_per_pod_max: u32,
    /// How many slices all pods together get ready at a time.
    pub warming_max: u32,
}

/// What the pods may ask of their object store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreSettings {
    /// How many requests all pods together may make a second; `None` is any number.
    pub requests_per_second: Option<u32>,
}

impl Default for TargetSettings {
    fn default() -> Self {
        Self {
            key_mode: KeyMode::default(),
            ownership: OwnershipMode::default(),
            balancer: BalancerSettings::default(),
            pacing: PacingSettings {
                gather: Duration::from_millis(300),
                balance_interval: Duration::from_secs(5),
                settle: Duration::from_secs(15),
                join_grace: Duration::from_secs(15),
                emergency_interval: Duration::from_secs(1),
            },
            health: HealthSettings {
                heartbeat_interval: Duration::from_millis(500),
                load_report_interval: Duration::from_secs(1),
                missed_heartbeats_max: 2,
                dead_after: Duration::from_secs(3),
                leader_grace: Duration::from_secs(3),
                // A zone of three, rounded up: a third is not more than a third.
                mass_failure_share: 334,
            },
            handoff: HandoffSettings {
                leave_linger: Duration::from_secs(5),
                drain_timeout: Duration::from_secs(60),
                transfer: true,
                warm_share_thousandths: 950,
                warm_timeout: Duration::from_secs(10),
                warming_per_pod_max: 4,
                warming_max: 256,
            },
            store: StoreSettings {
                requests_per_second: None,
            },
            misroute: MisrouteMode::default(),
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
    /// The settings, if each is within its limits.
    ///
    /// # Errors
    /// Names the first setting that is not, and what is allowed.
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

/// No setting may stop the machinery for longer than a day.
const DURATION_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// More than any object store answers in a second.
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
    fn the_defaults_are_allowed() {
        assert!(TargetSettings::default().validated().is_ok());
    }

    #[test]
    fn a_setting_outside_its_limits_is_named_with_what_is_allowed() {
        let mut settings = TargetSettings::default();
        settings.balancer.max_replicas = 0;
        let error = settings.validated().unwrap_err().to_string();
        assert_eq!(error, "setting max_replicas is 0, allowed is min_replicas to 1000");
    }
}
