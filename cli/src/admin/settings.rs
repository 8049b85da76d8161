//! The settings of a target as flags.

use std::time::Duration;

use clap::{Args, ValueEnum};
use emberkeep_proto::pb;

use crate::duration::duration_from;

/// What is not given stays as it is, or is the default for a new target.
#[derive(Debug, Args)]
pub(super) struct SettingsArgs {
    /// How application keys become slice keys; fixed when the target is created
    #[arg(long, value_name = "MODE")]
    key_mode: Option<KeyMode>,
    /// The load that one ordinary pod can carry, in units a second
    #[arg(long, value_name = "UNITS")]
    max_load_hint: Option<u64>,
    /// How far a pod's load may lie from the mean
    #[arg(long, value_name = "LEVEL")]
    imbalance: Option<Imbalance>,
    /// The fewest owners of a slice
    #[arg(long, value_name = "COUNT")]
    min_replicas: Option<u32>,
    /// The most owners of a slice
    #[arg(long, value_name = "COUNT")]
    max_replicas: Option<u32>,
    /// Slices are cut until there are this many a pod
    #[arg(long, value_name = "COUNT")]
    slices_per_pod_min: Option<u32>,
    /// How long pods that join are gathered before they get slices
    #[arg(long, value_name = "TIME", value_parser = duration_from)]
    gather: Option<Duration>,
    /// How often load may be a reason to move slices
    #[arg(long, value_name = "TIME", value_parser = duration_from)]
    balance_interval: Option<Duration>,
    /// How long load is no reason after pods came or went
    #[arg(long, value_name = "TIME", value_parser = duration_from)]
    settle: Option<Duration>,
    /// How long the slices of a pod that drains wait for the pod that takes its place, in a rolling update
    #[arg(long, value_name = "TIME", value_parser = duration_from)]
    join_grace: Option<Duration>,
    /// How often load may be a reason to move slices while a pod has more than it can carry
    #[arg(long, value_name = "TIME", value_parser = duration_from)]
    emergency_interval: Option<Duration>,
    /// How often a pod says that it is alive
    #[arg(long, value_name = "TIME", value_parser = duration_from)]
    heartbeat_interval: Option<Duration>,
    /// How often a pod reports its load
    #[arg(long, value_name = "TIME", value_parser = duration_from)]
    load_report_interval: Option<Duration>,
    /// How many heartbeats in a row a pod may miss before it is probed
    #[arg(long, value_name = "COUNT")]
    missed_heartbeats_max: Option<u32>,
    /// How long a pod that answers nobody is kept
    #[arg(long, value_name = "TIME", value_parser = duration_from)]
    dead_after: Option<Duration>,
    /// How long a new leader waits for the pods it knows
    #[arg(long, value_name = "TIME", value_parser = duration_from)]
    leader_grace: Option<Duration>,
    /// When more than this part of the pods fall at once, in thousandths, it may be the network: silent pods are kept
    /// longer
    #[arg(long, value_name = "THOUSANDTHS")]
    mass_failure_share: Option<u32>,
    /// How long an old owner keeps answering late requests
    #[arg(long, value_name = "TIME", value_parser = duration_from)]
    leave_linger: Option<Duration>,
    /// How long a draining pod keeps serving while none of its slices moves
    #[arg(long, value_name = "TIME", value_parser = duration_from)]
    drain_timeout: Option<Duration>,
    /// Whether a new owner gets a slice ready before it serves it
    #[arg(long, value_name = "BOOL")]
    transfer: Option<bool>,
    /// A new owner is ready with this part of the heat that the old owner's values have, in thousandths
    #[arg(long, value_name = "THOUSANDTHS")]
    warm_share: Option<u32>,
    /// How long a new owner may take: then it serves with what it has
    #[arg(long, value_name = "TIME", value_parser = duration_from)]
    warm_timeout: Option<Duration>,
    /// How many slices at a time one pod gets ready, and how many are got from one pod
    #[arg(long, value_name = "COUNT")]
    warming_per_pod_max: Option<u32>,
    /// How many slices all pods together get ready at a time
    #[arg(long, value_name = "COUNT")]
    warming_max: Option<u32>,
    /// How many requests of the object store all pods together may make a second; 0 for any number
    #[arg(long, value_name = "COUNT")]
    store_rate: Option<u32>,
    /// What a pod does with a request for a key that another pod owns
    #[arg(long, value_name = "MODE")]
    misroute: Option<Misroute>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum KeyMode {
    /// By their hash: load spreads evenly
    Hashed,
    /// As they are: neighbours stay together
    Ordered,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Misroute {
    /// Answers who owns it, for clerks
    Redirect,
    /// Sends it on to the owner, for clients that know of no owners
    Forward,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Imbalance {
    /// 2.5 %
    Tight,
    /// 10 %
    Default,
    /// 40 %
    Loose,
}

impl SettingsArgs {
    pub(super) fn to_wire(&self) -> pb::TargetSettings {
        pb::TargetSettings {
            key_mode: self.key_mode.map(|mode| pb::KeyMode::from(mode).into()),
            ownership: None,
            max_load_hint_milli: self.max_load_hint.map(|units| units.saturating_mul(1_000)),
            imbalance: self.imbalance.map(|level| pb::Imbalance::from(level).into()),
            min_replicas: self.min_replicas,
            max_replicas: self.max_replicas,
            slices_per_pod_min: self.slices_per_pod_min,
            gather_ms: self.gather.map(millis),
            balance_interval_ms: self.balance_interval.map(millis),
            settle_ms: self.settle.map(millis),
            join_grace_ms: self.join_grace.map(millis),
            emergency_interval_ms: self.emergency_interval.map(millis),
            heartbeat_interval_ms: self.heartbeat_interval.map(millis),
            load_report_interval_ms: self.load_report_interval.map(millis),
            missed_heartbeats_max: self.missed_heartbeats_max,
            dead_after_ms: self.dead_after.map(millis),
            leader_grace_ms: self.leader_grace.map(millis),
            mass_failure_share: self.mass_failure_share,
            leave_linger_ms: self.leave_linger.map(millis),
            drain_timeout_ms: self.drain_timeout.map(millis),
            transfer: self.transfer,
            warm_share_thousandths: self.warm_share,
            warm_timeout_ms: self.warm_timeout.map(millis),
            warming_per_pod_max: self.warming_per_pod_max,
            warming_max: self.warming_max,
            store_requests_per_second: self.store_rate,
            misroute: self.misroute.map(|mode| pb::MisrouteMode::from(mode).into()),
        }
    }
}

impl From<KeyMode> for pb::KeyMode {
    fn from(mode: KeyMode) -> Self {
        match mode {
            KeyMode::Hashed => Self::Hashed,
            KeyMode::Ordered => Self::Ordered,
        }
    }
}

impl From<Misroute> for pb::MisrouteMode {
    fn from(mode: Misroute) -> Self {
        match mode {
            Misroute::Redirect => Self::Redirect,
            Misroute::Forward => Self::Forward,
        }
    }
}

impl From<Imbalance> for pb::Imbalance {
    fn from(level: Imbalance) -> Self {
        match level {
            Imbalance::Tight => Self::Tight,
            Imbalance::Default => Self::Default,
            Imbalance::Loose => Self::Loose,
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
