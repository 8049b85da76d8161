//! The settings of a target as flags of the command line.

use std::time::Duration;

use clap::{Args, ValueEnum};
use emberkeep_proto::pb;

use crate::quantity::duration_from;

/// A setting that is not given stays, or has its default for a new target.
#[derive(Debug, Args)]
pub(super) struct SettingsArgs {
    /// How application keys become slice keys; fixed when the target is created
    #[arg(long, value_name = "MODE")]
    key_mode: Option<KeyModeArg>,
    /// The load capacity of an ordinary pod, in units a second
    #[arg(long, value_name = "UNITS")]
    max_load_hint: Option<u64>,
    /// How far a pod's load may deviate from the mean
    #[arg(long, value_name = "LEVEL")]
    imbalance: Option<ImbalanceArg>,
    /// The minimum number of owners of a slice
    #[arg(long, value_name = "COUNT")]
    min_replicas: Option<u32>,
    /// The maximum number of owners of a slice
    #[arg(long, value_name = "COUNT")]
    max_replicas: Option<u32>,
    /// Slices are split until there are this many per pod
    #[arg(long, value_name = "COUNT")]
    slices_per_pod_min: Option<u32>,
    /// How long joining pods are gathered before they get slices
    #[arg(long, value_name = "TIME", value_parser = duration_from)]
    gather: Option<Duration>,
    /// The minimum interval between moves for load
    #[arg(long, value_name = "TIME", value_parser = duration_from)]
    balance_interval: Option<Duration>,
    /// How long after pods joined or left no slices move for load
    #[arg(long, value_name = "TIME", value_parser = duration_from)]
    settle: Option<Duration>,
    /// How long the slices of a draining pod wait for its replacement, in a rolling update
    #[arg(long, value_name = "TIME", value_parser = duration_from)]
    join_grace: Option<Duration>,
    /// The minimum interval between moves for load while a pod is overloaded
    #[arg(long, value_name = "TIME", value_parser = duration_from)]
    emergency_interval: Option<Duration>,
    /// How often a pod sends a heartbeat
    #[arg(long, value_name = "TIME", value_parser = duration_from)]
    heartbeat_interval: Option<Duration>,
    /// How often a pod reports its load
    #[arg(long, value_name = "TIME", value_parser = duration_from)]
    load_report_interval: Option<Duration>,
    /// How many heartbeats in a row a pod may miss before it is probed
    #[arg(long, value_name = "COUNT")]
    missed_heartbeats_max: Option<u32>,
    /// How long a silent pod that answers no probe is kept
    #[arg(long, value_name = "TIME", value_parser = duration_from)]
    dead_after: Option<Duration>,
    /// How long a new leader waits for known pods to reconnect
    #[arg(long, value_name = "TIME", value_parser = duration_from)]
    leader_grace: Option<Duration>,
    /// If more than this share of the pods fails at once, in thousandths, the network is suspected and silent pods are
    /// kept longer
    #[arg(long, value_name = "THOUSANDTHS")]
    mass_failure_share: Option<u32>,
    /// How long a former owner still answers late requests
    #[arg(long, value_name = "TIME", value_parser = duration_from)]
    leave_linger: Option<Duration>,
    /// How long a draining pod keeps serving while none of its slices moves
    #[arg(long, value_name = "TIME", value_parser = duration_from)]
    drain_timeout: Option<Duration>,
    /// Whether a new owner gets a slice's values before it serves it
    #[arg(long, value_name = "BOOL")]
    transfer: Option<bool>,
    /// The share of the old owner's heat with which a new owner is ready, in thousandths
    #[arg(long, value_name = "THOUSANDTHS")]
    warm_share: Option<u32>,
    /// How long a new owner may warm up before it serves anyway
    #[arg(long, value_name = "TIME", value_parser = duration_from)]
    warm_timeout: Option<Duration>,
    /// How many slices one pod may warm at a time, and how many may be transferred from one pod
    #[arg(long, value_name = "COUNT")]
    warming_per_pod_max: Option<u32>,
    /// How many slices all pods together may warm at a time
    #[arg(long, value_name = "COUNT")]
    warming_max: Option<u32>,
    /// Requests to the object store a second by all pods together; 0 for no limit
    #[arg(long, value_name = "COUNT")]
    store_rate: Option<u32>,
    /// What a pod does with a request for a key that another pod owns
    #[arg(long, value_name = "MODE")]
    misroute: Option<MisrouteArg>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum KeyModeArg {
    /// By their hash: load is spread evenly
    Hashed,
    /// Unchanged: neighbouring keys stay together
    Ordered,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum MisrouteArg {
    /// Answer with the owner, for clerks
    Redirect,
    /// Forward it to the owner, for clients without a clerk
    Forward,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ImbalanceArg {
    /// 2.5 % from the mean
    Tight,
    /// 10 % from the mean
    Default,
    /// 40 % from the mean
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

impl From<KeyModeArg> for pb::KeyMode {
    fn from(mode: KeyModeArg) -> Self {
        match mode {
            KeyModeArg::Hashed => Self::Hashed,
            KeyModeArg::Ordered => Self::Ordered,
        }
    }
}

impl From<MisrouteArg> for pb::MisrouteMode {
    fn from(mode: MisrouteArg) -> Self {
        match mode {
            MisrouteArg::Redirect => Self::Redirect,
            MisrouteArg::Forward => Self::Forward,
        }
    }
}

impl From<ImbalanceArg> for pb::Imbalance {
    fn from(level: ImbalanceArg) -> Self {
        match level {
            ImbalanceArg::Tight => Self::Tight,
            ImbalanceArg::Default => Self::Default,
            ImbalanceArg::Loose => Self::Loose,
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
