//! The disturbances of a soak.

use std::fmt;
use std::time::Duration;

use emberkeep_core::balancer::Imbalance;

use super::shape::{random_imbalance, random_replicas};
use crate::cluster::Fault;
use crate::observer::NoteKind;
use crate::random_stream::RandomStream;

/// A disturbance. It has no effect where it is impossible because shrinking removed an earlier one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Disturbance {
    /// Adds a pod under a new name.
    Join,
    /// Injects a fault into pod number `pod`, modulo the number of pods.
    Inject {
        pod: u64,
        fault: Fault,
    },
    ChangeLeader {
        election: Duration,
    },
    FailProposals {
        lasts: Duration,
    },
    /// Sets the load of all keys to `percent / 300` of that of the shape.
    Scale {
        percent: u64,
    },
    /// Adds this percentage of the total load to the key of that rank.
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

/// The faults of pods; more frequent ones are repeated.
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
    pub(super) fn random(random: &mut RandomStream) -> Self {
        match random.below(20) {
            0..=2 => Disturbance::Join,
            3..=11 => Disturbance::Inject {
                pod: random.below(16),
                fault: FAULTS[random.below(FAULTS.len() as u64) as usize],
            },
            12 => Disturbance::ChangeLeader {
                election: Duration::from_millis(random.below(3_000)),
            },
            13 => Disturbance::FailProposals {
                lasts: Duration::from_millis(random.below(4_000)),
            },
            14 => Disturbance::Scale {
                percent: random.below(300),
            },
            15 | 16 => Disturbance::HotKey {
                rank: random.below(200),
                percent: random.below(100),
            },
            17 => {
                let (min, max) = random_replicas(random);
                Disturbance::Replicas { min, max }
            }
            18 => Disturbance::Imbalance(random_imbalance(random)),
            _ => Disturbance::Freeze(random.draw_bool(500)),
        }
    }
}

impl Disturbance {
    /// The kind of its note in a timeline.
    pub(super) const fn kind(&self) -> NoteKind {
        match self {
            Disturbance::Join => NoteKind::Pod,
            Disturbance::Inject { fault, .. } => NoteKind::of_fault(*fault),
            Disturbance::ChangeLeader { .. } | Disturbance::FailProposals { .. } => NoteKind::Fault,
            Disturbance::Scale { .. } | Disturbance::HotKey { .. } => NoteKind::Load,
            Disturbance::Replicas { .. } | Disturbance::Imbalance(_) | Disturbance::Freeze(_) => NoteKind::Operator,
        }
    }
}

impl fmt::Display for Disturbance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Disturbance::Join => f.write_str("a pod joins"),
            Disturbance::Inject { pod, fault } => write!(f, "{fault:?} of pod number {pod}"),
            Disturbance::ChangeLeader { election } => write!(f, "the leader fails, the election takes {election:?}"),
            Disturbance::FailProposals { lasts } => write!(f, "proposals fail for {lasts:?}"),
            Disturbance::Scale { percent } => write!(f, "the load is scaled to {percent}%"),
            Disturbance::HotKey { rank, percent } => write!(f, "key {rank} gets an additional {percent}% of the load"),
            Disturbance::Replicas { min, max } => write!(f, "an operator sets replicas {min}..{max}"),
            Disturbance::Imbalance(imbalance) => write!(f, "an operator sets imbalance {imbalance:?}"),
            Disturbance::Freeze(true) => f.write_str("an operator freezes the assignment"),
            Disturbance::Freeze(false) => f.write_str("an operator releases the assignment"),
        }
    }
}
