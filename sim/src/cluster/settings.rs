//! What a simulated cluster goes by.

use std::time::Duration;

use emberkeep_core::assigner::TargetSettings;

/// All that is chosen before a simulated cluster starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterSettings {
    /// What all chance comes from: delays, noise, the waits of pods that reconnect.
    pub seed: u64,
    /// The settings of the target, as an operator chooses them.
    pub target: TargetSettings,
    /// How long a message takes, one way.
    pub network_delay: Delay,
    /// How long a change takes until it is replicated and applied.
    pub raft_delay: Delay,
    /// How long a pod takes to get a slice ready.
    pub warm_delay: Delay,
    /// What a pod counts of the load that it gets.
    pub counts: Counts,
    /// Whether pods are sent diffs, as in production, or always the whole assignment. A diff makes each pod build an
    /// assignment of its own, which does not fit in one memory where there are thousands of pods.
    pub sends_diffs: bool,
}

/// A time that varies: each is equally likely.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delay {
    /// The shortest.
    pub min: Duration,
    /// The longest.
    pub max: Duration,
}

/// What a pod counts of the load that it gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Counts {
    /// As many requests as are expected at that rate.
    Expected,
    /// As many as come where requests are independent of each other: a Poisson distribution around what is expected.
    #[default]
    Poisson,
}

impl Default for ClusterSettings {
    /// A cluster in one data centre with Raft members on SSDs.
    fn default() -> Self {
        Self {
            seed: 1,
            target: TargetSettings::default(),
            network_delay: Delay::millis(1, 3),
            raft_delay: Delay::millis(2, 6),
            warm_delay: Delay::millis(50, 400),
            counts: Counts::default(),
            sends_diffs: true,
        }
    }
}

impl Delay {
    /// From `min` to `max` milliseconds.
    #[must_use]
    pub const fn millis(min: u64, max: u64) -> Self {
        Self {
            min: Duration::from_millis(min),
            max: Duration::from_millis(max),
        }
    }
}
