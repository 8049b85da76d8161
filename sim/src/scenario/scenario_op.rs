//! The operations of a scenario on its cluster.

use std::fmt;
use std::time::Duration;

use emberkeep_core::balancer::Imbalance;
use emberkeep_core::load::Load;
use emberkeep_core::pod::{PodName, Weight};

use crate::cluster::Fault;

/// An operation on the cluster, its load or its settings. Shares and factors are in thousandths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ScenarioOp {
    /// Injects a fault into pods.
    Inject {
        pods: PodSelector,
        fault: Fault,
        /// After this time the fault is reverted; `None` for never.
        lasts: Option<Duration>,
    },
    Add {
        count: u64,
        zone: Option<String>,
        weight: Option<Weight>,
    },
    /// Drains the oldest pod that was not replaced yet, and adds a new one, as a deployment does.
    ReplaceNext,
    /// Drains the next pod in turn and starts it again under its name, as a stateful set does.
    RestartNext,
    /// Adds load to a key until it has this share of all load; 0 ends it.
    HotKey {
        key: u64,
        share: u64,
    },
    /// Adds this share of the load to random keys, which decays linearly over `fades_over` or stays.
    Crowd {
        key_count: u64,
        share: u64,
        fades_over: Option<Duration>,
    },
    /// Adds load to a part of the key space until it has this share of all load.
    HotRange {
        from: u64,
        to: u64,
        share: u64,
    },
    /// Moves the hot range up by this part of the key space, wrapping at its end.
    MoveRange {
        by: u64,
    },
    /// Scales the load of all keys relative to the setup.
    Scale {
        to: u64,
    },
    /// Makes the load oscillate by this amplitude as a triangle wave.
    Wave {
        by: u64,
        period: Duration,
    },
    /// Resets the load to that of the setup.
    Calm,
    ChangeLeader,
    /// Freezes the assignment, or releases it.
    Freeze(bool),
    Set(Setting),
}

/// Selects the pods of a fault when it is injected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PodSelector {
    Named(Vec<PodName>),
    InZone(String),
    /// The pods that serve the key at that time.
    OwnersOf {
        key: u64,
    },
}

/// A change of one setting of the target by an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Setting {
    Imbalance(Imbalance),
    Replicas { min: u32, max: u32 },
    Capacity(Load),
}

impl ScenarioOp {
    /// The number of pods that the operation adds.
    pub(super) const fn joining_count(&self) -> u64 {
        match self {
            ScenarioOp::Add { count, .. } => *count,
            ScenarioOp::ReplaceNext => 1,
            ScenarioOp::Inject { .. }
            | ScenarioOp::RestartNext
            | ScenarioOp::HotKey { .. }
            | ScenarioOp::Crowd { .. }
            | ScenarioOp::HotRange { .. }
            | ScenarioOp::MoveRange { .. }
            | ScenarioOp::Scale { .. }
            | ScenarioOp::Wave { .. }
            | ScenarioOp::Calm
            | ScenarioOp::ChangeLeader
            | ScenarioOp::Freeze(_)
            | ScenarioOp::Set(_) => 0,
        }
    }
}

/// The fault that reverts `fault`.
pub(super) const fn end_of(fault: Fault) -> Fault {
    match fault {
        Fault::Freeze => Fault::Thaw,
        Fault::CutOff => Fault::Reconnect,
        Fault::Drain | Fault::Kill | Fault::Lose | Fault::Quit | Fault::Thaw | Fault::Reconnect | Fault::Start => {
            Fault::Start
        }
    }
}

/// The name of a fault in scenarios and timelines.
pub(super) const fn verb_of(fault: Fault) -> &'static str {
    match fault {
        Fault::Drain => "drain",
        Fault::Kill => "crash",
        Fault::Lose => "lose",
        Fault::Quit => "quit",
        Fault::Freeze => "freeze",
        Fault::Thaw => "thaw",
        Fault::CutOff => "cut",
        Fault::Reconnect => "reconnect",
        Fault::Start => "start",
    }
}

impl fmt::Display for ScenarioOp {
    /// The text of the timeline, which appends the names of pods.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |thousandths: &u64| *thousandths as f64 / 10.0;
        match self {
            ScenarioOp::Inject { fault, .. } => f.write_str(verb_of(*fault)),
            ScenarioOp::Add { .. } => f.write_str("add"),
            ScenarioOp::ReplaceNext => f.write_str("replace"),
            ScenarioOp::RestartNext => f.write_str("restart"),
            ScenarioOp::HotKey { key, share } => write!(f, "key {key} gets {}% of the load", percent(share)),
            ScenarioOp::Crowd { key_count, share, .. } => {
                write!(f, "{key_count} keys get an additional {}% of the load", percent(share))
            }
            ScenarioOp::HotRange { from, to, share } => {
                let (from, to, share) = (percent(from), percent(to), percent(share));
                write!(f, "the range from {from}% to {to}% gets {share}% of the load")
            }
            ScenarioOp::MoveRange { by } => write!(f, "the hot range moves by {}%", percent(by)),
            ScenarioOp::Scale { to } => write!(f, "the load is set to {}%", percent(to)),
            ScenarioOp::Wave { by, .. } => write!(f, "the load starts to oscillate by {}%", percent(by)),
            ScenarioOp::Calm => f.write_str("the load is reset"),
            ScenarioOp::ChangeLeader => f.write_str("the leader fails"),
            ScenarioOp::Freeze(true) => f.write_str("an operator freezes the assignment"),
            ScenarioOp::Freeze(false) => f.write_str("an operator releases the assignment"),
            ScenarioOp::Set(_) => f.write_str("an operator changes the settings"),
        }
    }
}
