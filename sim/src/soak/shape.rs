//! The shape of a cluster before the first disturbance.

use std::fmt;
use std::time::Duration;

use emberkeep_core::assigner::TargetSettings;
use emberkeep_core::balancer::Imbalance;
use emberkeep_core::load::Load;
use emberkeep_core::pod::{PodName, Weight};

use crate::cluster::{Counts, NewPod, SimClusterSettings};
use crate::random_stream::RandomStream;
use crate::workload::zipf;

/// The initial pods, keys, load and settings of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) pod_count: u64,
    zone_count: u64,
    /// Weights in thousandths, assigned round-robin.
    weights: Vec<u32>,
    pub(super) key_count: u64,
    exponent: u64,
    load: Load,
    pub(super) replicas: (u32, u32),
    pub(super) imbalance: Imbalance,
}

const IMBALANCES: [Imbalance; 3] = [Imbalance::Tight, Imbalance::Default, Imbalance::Loose];

impl Shape {
    pub(super) fn random(random: &mut RandomStream) -> Self {
        let pod_count = 1 + random.below(12);
        let weight = |random: &mut RandomStream| [1_000, 1_000, 500, 2_000][random.below(4) as usize];
        let weights = (0..=random.below(3)).map(|_| weight(random)).collect();
        Self {
            pod_count,
            zone_count: random.below(4),
            weights,
            key_count: 1 + random.below(200),
            exponent: random.below(1_500),
            load: Load::from_units(random.below(1_000) * pod_count),
            replicas: random_replicas(random),
            imbalance: random_imbalance(random),
        }
    }

    pub(super) fn settings(&self, seed: u64) -> SimClusterSettings {
        let mut target = TargetSettings::default();
        target.balancer.max_load_hint = Load::from_units(1_000);
        target.balancer.imbalance = self.imbalance;
        (target.balancer.min_replicas, target.balancer.max_replicas) = self.replicas;
        // A drain that cannot succeed must time out before the trial ends.
        target.handoff.drain_timeout = Duration::from_secs(20);
        // Less frequent than in production, because load reports take most of the time of a trial.
        target.health.load_report_interval = Duration::from_secs(2);
        SimClusterSettings {
            seed,
            target,
            counts: Counts::Expected,
            ..SimClusterSettings::default()
        }
    }

    /// The pod of that number, with its weight and its zone.
    pub(super) fn pod(&self, number: u64) -> NewPod {
        let weight = self.weights[number as usize % self.weights.len()];
        let zone = match self.zone_count {
            0 => String::new(),
            count => format!("zone-{}", number % count),
        };
        NewPod {
            name: name_of(number),
            zone: zone.into(),
            weight: Weight::from_thousandths(weight).unwrap_or_default(),
        }
    }

    /// The positions and rates of the keys, by rank.
    pub(super) fn keys(&self, seed: u64) -> Vec<(u64, Load)> {
        let mut random = RandomStream::new(seed, u64::MAX);
        let rates = zipf(self.load, self.key_count, self.exponent);
        rates.into_iter().map(|rate| (random.next(), rate)).collect()
    }
}

pub(super) fn name_of(pod: u64) -> PodName {
    PodName::try_new(&format!("pod-{pod}")).expect("the number makes a valid name")
}

pub(super) fn random_replicas(random: &mut RandomStream) -> (u32, u32) {
    let min = 1 + random.below(3) as u32;
    (min, min + random.below(4) as u32)
}

pub(super) fn random_imbalance(random: &mut RandomStream) -> Imbalance {
    IMBALANCES[random.below(3) as usize]
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (min, max) = self.replicas;
        let weights: Vec<String> = self
            .weights
            .iter()
            .map(|weight| format!("{}", f64::from(*weight) / 1_000.0))
            .collect();
        write!(
            f,
            "{} pods of weight {} in {} zones, {} keys with {} units a second, replicas {min}..{max}, imbalance {:?}",
            self.pod_count,
            weights.join(" "),
            self.zone_count,
            self.key_count,
            self.load,
            self.imbalance,
        )
    }
}
