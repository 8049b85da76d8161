//! Disturbance: what can happen to a cluster in a soak.

use std::fmt;
use std::time::Duration;

use emberkeep_core::balancer::Imbalance;

use super::shape::{random_imbalance, random_replicas};
use crate::cluster::Fault;
use crate::random_stream::RandomStream;

/// Something that happens. Where it cannot, because an earlier disturbance was taken out, nothing does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Disturbance {
    /// A new pod joins.
    Join,
    /// Something happens to the pod of that number, counted round those there are.
    Strike {
        pod: u64,
        fault: Fault,
    },
    ChangeLeader {
        election: Duration,
    },
    FailProposals {
        lasts: Duration,
    },
    /// All keys have this many hundredths of their load.
    Scale {
        percent: u64,
    },
    /// The key of that rank has so many times the load of all keys, in hundredths.
    HotKey {
        rank: u64,
        percent: u64,
    },
    Replicas {
        min: u32,
        max: u32,
    },
    Imbalance(Imbalance),
    Freeze(bool),
}

/// What happens to pods, the common more than once.
const FAULTS: [Fault; 14] = [
    Fault::Drain,
    Fault::Drain,
    Fault::Kill,
    Fault::Kill,
    Fault::Lose,
    Fault::Quit,
    Fault::Freeze,
    Fault::Thaw,
    Fault::Thaw,
    Fault::CutOff,
    Fault::Reconnect,
    Fault::Reconnect,
    Fault::Start,
    Fault::Start,
];

impl Disturbance {
    pub(super) fn random(chance: &mut RandomStream) -> Self {
        match chance.below(20) {
            0..=2 => Disturbance::Join,
            3..=11 => Disturbance::Strike {
                pod: chance.below(16),
                fault: FAULTS[chance.below(FAULTS.len() as u64) as usize],
            },
            12 => Disturbance::ChangeLeader {
                election: Duration::from_millis(chance.below(3_000)),
            },
            13 => Disturbance::FailProposals {
                lasts: Duration::from_millis(chance.below(4_000)),
            },
            14 => Disturbance::Scale {
                percent: chance.below(300),
            },
            15 | 16 => Disturbance::HotKey {
                rank: chance.below(200),
                percent: chance.below(100),
            },
            17 => {
                let (min, max) = random_replicas(chance);
                Disturbance::Replicas { min, max }
            }
            18 => Disturbance::Imbalance(random_imbalance(chance)),
            _ => Disturbance::Freeze(chance.draw_bool(500)),
        }
    }
}

impl fmt::Display for Disturbance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Disturbance::Join => f.write_str("a pod joins"),
            Disturbance::Strike { pod, fault } => write!(f, "{fault:?} happens to pod number {pod}"),
            Disturbance::ChangeLeader { election } => write!(f, "the leader is gone, an election takes {election:?}"),
            Disturbance::FailProposals { lasts } => write!(f, "proposals fail for {lasts:?}"),
            Disturbance::Scale { percent } => write!(f, "the load becomes {percent}%"),
            Disturbance::HotKey { rank, percent } => write!(f, "key {rank} gets {percent}% of all load on top"),
            Disturbance::Replicas { min, max } => write!(f, "an operator sets replicas {min}..{max}"),
            Disturbance::Imbalance(imbalance) => write!(f, "an operator sets imbalance {imbalance:?}"),
            Disturbance::Freeze(true) => f.write_str("an operator freezes the assignment"),
            Disturbance::Freeze(false) => f.write_str("an operator releases the assignment"),
        }
    }
}
