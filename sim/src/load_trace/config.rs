//! The configuration of a load trace, its first line.

use std::time::Duration;

use emberkeep_core::balancer::{BalancerSettings, Imbalance};
use emberkeep_core::load::Load;

/// The configuration of a trace's target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceConfig {
    /// The capacity of one pod.
    pub max_load_hint: Load,
    /// The tolerance: how far a pod may be above the mean.
    pub imbalance: Imbalance,
    /// The fewest replicas of a slice, at least 1.
    pub min_replicas: u32,
    /// The most replicas of a slice, at least `min_replicas`.
    pub max_replicas: u32,
    /// The time between two decisions, at least 1 ms.
    pub decide_every: Duration,
}

impl TraceConfig {
    /// The balancer's settings for the target; settings that a trace does not contain have their defaults.
    #[must_use]
    pub fn balancer_settings(&self) -> BalancerSettings {
        BalancerSettings {
            max_load_hint: self.max_load_hint,
            imbalance: self.imbalance,
            min_replicas: self.min_replicas,
            max_replicas: self.max_replicas,
            ..BalancerSettings::default()
        }
    }
}
