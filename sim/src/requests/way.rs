//! The ways to place keys that are compared.

use std::fmt;

/// How requests find a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// By Emberkeep's balancer, on load that pods measure.
    Emberkeep,
    /// By consistent hashing: 160 points a pod on a ring.
    Ring,
    /// Any pod may get any request.
    Stateless,
}

impl Way {
    /// All of them, our own first.
    pub const ALL: [Way; 3] = [Way::Emberkeep, Way::Ring, Way::Stateless];

    /// What it is called.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Way::Emberkeep => "emberkeep",
            Way::Ring => "ring",
            Way::Stateless => "stateless",
        }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
