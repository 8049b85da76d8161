//! The balancer's settings for one target.

use serde::{Deserialize, Serialize};

use crate::load::Load;
use crate::pod::Weight;

/// How far a pod's load may lie from the mean, as a share of the larger of `max_load_hint` and the mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Imbalance {
    /// 2.5 %: for services whose pods run close to their capacity.
    Tight,
    /// 10 %: a compromise for most services.
    #[default]
    Default,
    /// 40 %: for services whose state is costly to rebuild.
    Loose,
}

impl Imbalance {
    /// The tolerance in thousandths.
    #[must_use]
    pub const fn thousandths(self) -> u64 {
        match self {
            Imbalance::Tight => 25,
            Imbalance::Default => 100,
            Imbalance::Loose => 400,
        }
    }
}

/// The balancer's settings for one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BalancerSettings {
    /// The capacity of a pod of weight 1.
    pub max_load_hint: Load,
    /// How far the load of a pod may lie from the mean.
    pub imbalance: Imbalance,
    /// The fewest serving replicas of a slice, at least 1; fewer only while there are fewer pods.
    pub min_replicas: u32,
    /// The most serving replicas of a slice, at least `min_replicas`.
    pub max_replicas: u32,
    /// Slices are split until there are this many replicas for each pod, so that balance has enough to move.
    pub slices_per_pod_min: u32,
}

impl BalancerSettings {
    /// The capacity of a pod of this weight.
    #[must_use]
    pub fn capacity_of(&self, weight: Weight) -> Load {
        let milli = u128::from(self.max_load_hint.milli()) * u128::from(weight.thousandths()) / 1_000;
        Load::from_milli(u64::try_from(milli).unwrap_or(u64::MAX))
    }
}

impl Default for BalancerSettings {
    fn default() -> Self {
        Self {
            max_load_hint: Load::from_units(100_000),
            imbalance: Imbalance::Default,
            min_replicas: 1,
            max_replicas: 1,
            slices_per_pod_min: 32,
        }
    }
}
