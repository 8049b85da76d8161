//! The balancers that are compared: Emberkeep's own, and placements without load balancing as baselines.

mod emberkeep;
mod even;
mod exact_load;
mod rendezvous;
mod ring;
mod target;

use std::fmt;
use std::str::FromStr;

pub use emberkeep::Emberkeep;
pub use even::EvenRanges;
pub use rendezvous::Rendezvous;
pub use ring::Ring;
pub(crate) use target::{Target, incarnation_of};
use thiserror::Error;

use crate::load_trace::LoadTrace;
use crate::replay::Balancer;

/// A balancer by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum BalancerKind {
    /// Emberkeep's own, as the assigner runs it.
    Emberkeep,
    /// Consistent hashing: 160 points a pod on a ring.
    Ring,
    /// Rendezvous hashing: each of 65,536 buckets goes to the pod with the highest hash of both.
    Rendezvous,
    /// As many equal ranges as there are pods; a pod that joins takes the range of one that left.
    Static,
}

impl BalancerKind {
    /// All balancers, Emberkeep's first.
    pub const ALL: [BalancerKind; 4] = [
        BalancerKind::Emberkeep,
        BalancerKind::Ring,
        BalancerKind::Rendezvous,
        BalancerKind::Static,
    ];

    /// The name on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            BalancerKind::Emberkeep => "emberkeep",
            BalancerKind::Ring => "ring",
            BalancerKind::Rendezvous => "rendezvous",
            BalancerKind::Static => "static",
        }
    }

    /// One sentence on its algorithm.
    #[must_use]
    pub const fn about(self) -> &'static str {
        match self {
            BalancerKind::Emberkeep => {
                "Emberkeep's own balancer: splits, moves, swaps and replicates slices by their load, and moves as little load as possible."
            }
            BalancerKind::Ring => {
                "Consistent hashing: each pod has 160 points on a ring, a key belongs to the next point; load is ignored."
            }
            BalancerKind::Rendezvous => {
                "Rendezvous hashing: each of 65,536 buckets belongs to the pod with the highest hash of both; load is ignored."
            }
            BalancerKind::Static => {
                "Static sharding: as many equal ranges as there are pods; a pod that joins takes the range of one that left."
            }
        }
    }

    /// A new balancer for the trace.
    #[must_use]
    pub fn balancer(self, trace: &LoadTrace) -> Box<dyn Balancer> {
        match self {
            BalancerKind::Emberkeep => Box::new(Emberkeep::new(trace)),
            BalancerKind::Ring => Box::new(Ring),
            BalancerKind::Rendezvous => Box::new(Rendezvous::default()),
            BalancerKind::Static => Box::new(EvenRanges::default()),
        }
    }
}

impl fmt::Display for BalancerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// An unknown name of a balancer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("balancer {0:?} is unknown, it must be emberkeep, ring, rendezvous or static")]
pub struct UnknownBalancer(String);

impl FromStr for BalancerKind {
    type Err = UnknownBalancer;

    fn from_str(text: &str) -> Result<Self, UnknownBalancer> {
        let named = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        named.ok_or_else(|| UnknownBalancer(text.to_owned()))
    }
}

#[cfg(test)]
mod tests;
