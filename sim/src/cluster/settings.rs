//! The settings of a simulated cluster.

use std::time::Duration;

use emberkeep_core::assigner::TargetSettings;

/// The settings of a simulated cluster, fixed at its start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimClusterSettings {
    /// The seed of all random numbers: delays, noise, the waits of reconnecting pods.
    pub seed: u64,
    /// The settings of the target, as an operator sets them.
    pub target: TargetSettings,
    /// The one-way delay of a message.
    pub network_delay: Delay,
    /// The time until a change is replicated and applied.
    pub raft_delay: Delay,
    /// The time a pod takes to warm a slice.
    pub warm_delay: Delay,
    /// How a pod counts the load that reaches it.
    pub counts: Counts,
    /// Whether pods are sent diffs, as in production, or always the whole assignment. With diffs each pod builds an
    /// assignment of its own, which takes too much memory for thousands of pods.
    pub sends_diffs: bool,
}

/// A delay with an even distribution between two bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delay {
    /// The shortest delay, inclusive.
    pub min: Duration,
    /// The longest delay, inclusive.
    pub max: Duration,
}

/// How a pod counts the load that reaches it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Counts {
    /// The expected number of requests at that rate.
    Expected,
    /// A random number, as of independent requests: a Poisson distribution around the expected number.
    #[default]
    Poisson,
}

impl Default for SimClusterSettings {
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
