//! The settings of a target.

use std::time::Duration;

use emberkeep_core::assigner::{HandoffSettings, HealthSettings, PacingSettings, StoreSettings, TargetSettings};
use emberkeep_core::balancer::BalancerSettings;
use emberkeep_core::load::Load;

use super::InvalidMessage;
use super::modes::{imbalance_of, key_mode_of, misroute_mode_of, ownership_mode_of};
use crate::pb;

/// `base` with the fields that `wire` sets replaced.
///
/// # Errors
/// Names the first setting outside its limits, and the limits.
pub fn patched_settings(base: TargetSettings, wire: &pb::TargetSettings) -> Result<TargetSettings, InvalidMessage> {
    let settings = TargetSettings {
        key_mode: wire.key_mode.map_or(Ok(base.key_mode), key_mode_of)?,
        ownership: wire.ownership.map_or(Ok(base.ownership), ownership_mode_of)?,
        balancer: patched_balancer(base.balancer, wire)?,
        pacing: patched_pacing(base.pacing, wire),
        health: patched_health(base.health, wire),
        handoff: patched_handoff(base.handoff, wire),
        store: patched_store(base.store, wire),
        misroute: wire.misroute.map_or(Ok(base.misroute), misroute_mode_of)?,
    };
    settings
        .validated()
        .map_err(|error| InvalidMessage::new("settings", error))
}

fn patched_balancer(base: BalancerSettings, wire: &pb::TargetSettings) -> Result<BalancerSettings, InvalidMessage> {
    Ok(BalancerSettings {
        max_load_hint: wire.max_load_hint_milli.map_or(base.max_load_hint, Load::from_milli),
        imbalance: wire.imbalance.map_or(Ok(base.imbalance), imbalance_of)?,
        min_replicas: wire.min_replicas.unwrap_or(base.min_replicas),
        max_replicas: wire.max_replicas.unwrap_or(base.max_replicas),
        slices_per_pod_min: wire.slices_per_pod_min.unwrap_or(base.slices_per_pod_min),
    })
}

fn patched_pacing(base: PacingSettings, wire: &pb::TargetSettings) -> PacingSettings {
    PacingSettings {
        gather: patched(base.gather, wire.gather_ms),
        balance_interval: patched(base.balance_interval, wire.balance_interval_ms),
        settle: patched(base.settle, wire.settle_ms),
        join_grace: patched(base.join_grace, wire.join_grace_ms),
        emergency_interval: patched(base.emergency_interval, wire.emergency_interval_ms),
    }
}

fn patched_health(base: HealthSettings, wire: &pb::TargetSettings) -> HealthSettings {
    HealthSettings {
        heartbeat_interval: patched(base.heartbeat_interval, wire.heartbeat_interval_ms),
        load_report_interval: patched(base.load_report_interval, wire.load_report_interval_ms),
        missed_heartbeats_max: wire.missed_heartbeats_max.unwrap_or(base.missed_heartbeats_max),
        dead_after: patched(base.dead_after, wire.dead_after_ms),
        leader_grace: patched(base.leader_grace, wire.leader_grace_ms),
        mass_failure_share: wire.mass_failure_share.unwrap_or(base.mass_failure_share),
    }
}

fn patched_handoff(base: HandoffSettings, wire: &pb::TargetSettings) -> HandoffSettings {
    HandoffSettings {
        leave_linger: patched(base.leave_linger, wire.leave_linger_ms),
        drain_timeout: patched(base.drain_timeout, wire.drain_timeout_ms),
        transfer: wire.transfer.unwrap_or(base.transfer),
        warm_share_thousandths: wire.warm_share_thousandths.unwrap_or(base.warm_share_thousandths),
        warm_timeout: patched(base.warm_timeout, wire.warm_timeout_ms),
        warming_per_pod_max: wire.warming_per_pod_max.unwrap_or(base.warming_per_pod_max),
        warming_max: wire.warming_max.unwrap_or(base.warming_max),
    }
}

fn patched_store(base: StoreSettings, wire: &pb::TargetSettings) -> StoreSettings {
    StoreSettings {
        requests_per_second: match wire.store_requests_per_second {
            None => base.requests_per_second,
            Some(0) => None,
            Some(requests) => Some(requests),
        },
    }
}

fn patched(base: Duration, millis: Option<u64>) -> Duration {
    millis.map_or(base, Duration::from_millis)
}

impl From<&TargetSettings> for pb::TargetSettings {
    /// Sets every field of the message.
    fn from(settings: &TargetSettings) -> Self {
        let TargetSettings {
            key_mode,
            ownership,
            balancer,
            pacing,
            health,
            handoff,
            store,
            misroute,
        } = settings;
        Self {
            key_mode: Some(pb::KeyMode::from(*key_mode).into()),
            ownership: Some(pb::OwnershipMode::from(*ownership).into()),
            max_load_hint_milli: Some(balancer.max_load_hint.milli()),
            imbalance: Some(pb::Imbalance::from(balancer.imbalance).into()),
            min_replicas: Some(balancer.min_replicas),
            max_replicas: Some(balancer.max_replicas),
            slices_per_pod_min: Some(balancer.slices_per_pod_min),
            gather_ms: Some(millis(pacing.gather)),
            balance_interval_ms: Some(millis(pacing.balance_interval)),
            settle_ms: Some(millis(pacing.settle)),
            join_grace_ms: Some(millis(pacing.join_grace)),
            emergency_interval_ms: Some(millis(pacing.emergency_interval)),
            heartbeat_interval_ms: Some(millis(health.heartbeat_interval)),
            load_report_interval_ms: Some(millis(health.load_report_interval)),
            missed_heartbeats_max: Some(health.missed_heartbeats_max),
            dead_after_ms: Some(millis(health.dead_after)),
            leader_grace_ms: Some(millis(health.leader_grace)),
            leave_linger_ms: Some(millis(handoff.leave_linger)),
            drain_timeout_ms: Some(millis(handoff.drain_timeout)),
            transfer: Some(handoff.transfer),
            warm_share_thousandths: Some(handoff.warm_share_thousandths),
            warm_timeout_ms: Some(millis(handoff.warm_timeout)),
            warming_per_pod_max: Some(handoff.warming_per_pod_max),
            warming_max: Some(handoff.warming_max),
            store_requests_per_second: Some(store.requests_per_second.unwrap_or(0)),
            misroute: Some(pb::MisrouteMode::from(*misroute).into()),
            mass_failure_share: Some(health.mass_failure_share),
        }
    }
}

/// Whole milliseconds, saturating at `u64::MAX`.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_settings_keep_their_value() {
        let base = TargetSettings::default();
        let wire = pb::TargetSettings {
            min_replicas: Some(2),
            max_replicas: Some(3),
            ..pb::TargetSettings::default()
        };
        let mut expected = base.clone();
        expected.balancer.min_replicas = 2;
        expected.balancer.max_replicas = 3;
        assert_eq!(patched_settings(base, &wire), Ok(expected));
    }

    #[test]
    fn a_full_patch_replaces_every_setting() {
        let mut settings = TargetSettings::default();
        settings.health.dead_after = Duration::from_secs(7);
        settings.handoff.transfer = false;
        settings.handoff.warm_timeout = Duration::from_secs(3);
        settings.key_mode = emberkeep_core::target::KeyMode::Ordered;
        settings.store.requests_per_second = Some(5_000);
        settings.misroute = emberkeep_core::target::MisrouteMode::Forward;
        settings.health.mass_failure_share = 500;
        let wire = pb::TargetSettings::from(&settings);
        assert_eq!(patched_settings(TargetSettings::default(), &wire), Ok(settings));
    }

    #[test]
    fn a_store_limit_of_zero_lifts_the_limit() {
        let wire = |requests| pb::TargetSettings {
            store_requests_per_second: requests,
            ..pb::TargetSettings::default()
        };
        let limited = patched_settings(TargetSettings::default(), &wire(Some(5_000))).unwrap();
        assert_eq!(limited.store.requests_per_second, Some(5_000));
        assert_eq!(patched_settings(limited.clone(), &wire(None)).as_ref(), Ok(&limited));
        let lifted = patched_settings(limited, &wire(Some(0))).unwrap();
        assert_eq!(lifted, TargetSettings::default());
    }

    #[test]
    fn a_setting_outside_its_limits_is_rejected_by_name() {
        let wire = pb::TargetSettings {
            min_replicas: Some(0),
            ..pb::TargetSettings::default()
        };
        let error = patched_settings(TargetSettings::default(), &wire).unwrap_err();
        assert_eq!(
            error.to_string(),
            "settings: setting min_replicas is 0, allowed is 1 to 100"
        );
    }
}
