//! The placement policies that are compared.

use std::fmt;

/// How the pod for a request is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PlacementPolicy {
    /// By Emberkeep's balancer, on the load that pods measure.
    Emberkeep,
    /// By consistent hashing: 160 points a pod on a ring.
    Ring,
    /// Any pod may get any request.
    Stateless,
}

impl PlacementPolicy {
    /// All policies, our own first.
    pub const ALL: [PlacementPolicy; 3] = [
        PlacementPolicy::Emberkeep,
        PlacementPolicy::Ring,
        PlacementPolicy::Stateless,
    ];

    /// The name in tables and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            PlacementPolicy::Emberkeep => "emberkeep",
            PlacementPolicy::Ring => "ring",
            PlacementPolicy::Stateless => "stateless",
        }
    }
}

impl fmt::Display for PlacementPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
