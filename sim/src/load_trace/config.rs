//! The first line of a load trace: what its target wants.

use std::time::Duration;

use emberkeep_core::balancer::{BalancerSettings, Imbalance};
use emberkeep_core::load::Load;

/// The configuration of a trace's target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceConfig {
    /// What one pod can carry.
    pub max_load_hint: Load,
    /// How far a pod may lie from the mean.
    pub imbalance: Imbalance,
    /// The fewest replicas of a slice, at least 1.
    pub min_replicas: u32,
    /// The most replicas of a slice, at least `min_replicas`.
    pub max_replicas: u32,
    /// The time between two decisions, at least a millisecond.
    pub decide_every: Duration,
}

impl TraceConfig {
    /// The balancer's settings for such a target; what a trace does not say has its default.
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
