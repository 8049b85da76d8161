//! What can be done to a cluster in a scenario.

use std::fmt;
use std::time::Duration;

use emberkeep_core::balancer::Imbalance;
use emberkeep_core::load::Load;
use emberkeep_core::pod::{PodName, Weight};

use crate::cluster::Fault;

/// Something that is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ScenarioOp {
    /// Something happens to pods.
    Strike {
        pods: PodSelector,
        fault: Fault,
        /// How long it lasts, if it ends by itself.
        lasts: Option<Duration>,
    },
    Add {
        count: u64,
        zone: Option<String>,
        weight: Option<Weight>,
    },
    /// The oldest pod that was not replaced yet drains, and a new one joins.
    ReplaceNext,
    /// The next pod, in turn, drains and starts again under its name.
    RestartNext,
    /// A key gets this share of the load, in thousandths, on top of what there is.
    HotKey {
        key: u64,
        share: u64,
    },
    /// Keys here and there get this share of the load on top, which fades away.
    Crowd {
        key_count: u64,
        share: u64,
        fades_over: Option<Duration>,
    },
    /// A part of the key space gets this share of the load on top. All in thousandths.
    HotRange {
        from: u64,
        to: u64,
        share: u64,
    },
    /// The hot range lies further on by this part of the key space.
    MoveRange {
        by: u64,
    },
    /// All keys get this many thousandths of what they had in the beginning.
    Scale {
        to: u64,
    },
    /// The load rises and falls by this many thousandths.
    Wave {
        by: u64,
        period: Duration,
    },
    /// The load is as in the beginning.
    Calm,
    ChangeLeader,
    /// An operator stops changes of the assignment, or lets them go on.
    Freeze(bool),
    Set(Setting),
}

/// Which pods.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PodSelector {
    Named(Vec<PodName>),
    InZone(String),
    /// Those that serve a key at that time.
    OwnersOf {
        key: u64,
    },
}

/// A setting of the target that is changed on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Setting {
    Imbalance(Imbalance),
    Replicas { min: u32, max: u32 },
    Capacity(Load),
}

impl ScenarioOp {
    /// How many pods join.
    pub(super) const fn joining_count(&self) -> u64 {
        match self {
            ScenarioOp::Add { count, .. } => *count,
            ScenarioOp::ReplaceNext => 1,
            ScenarioOp::Strike { .. }
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

/// What the end of a fault looks like.
pub(super) const fn end_of(fault: Fault) -> Fault {
    match fault {
        Fault::Freeze => Fault::Thaw,
        Fault::CutOff => Fault::Reconnect,
        Fault::Drain | Fault::Kill | Fault::Lose | Fault::Quit | Fault::Thaw | Fault::Reconnect | Fault::Start => {
            Fault::Start
        }
    }
}

/// What a fault is called in scenarios and timelines.
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
    /// For the timeline; which pods it was is added there.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |thousandths: &u64| *thousandths as f64 / 10.0;
        match self {
            ScenarioOp::Strike { fault, .. } => f.write_str(verb_of(*fault)),
            ScenarioOp::Add { .. } => f.write_str("add"),
            ScenarioOp::ReplaceNext => f.write_str("replace"),
            ScenarioOp::RestartNext => f.write_str("restart"),
            ScenarioOp::HotKey { key, share } => write!(f, "key {key} gets {}% of the load", percent(share)),
            ScenarioOp::Crowd { key_count, share, .. } => {
                write!(f, "{key_count} keys get {}% of the load on top", percent(share))
            }
            ScenarioOp::HotRange { from, to, share } => {
                let (from, to, share) = (percent(from), percent(to), percent(share));
                write!(f, "the range from {from}% to {to}% gets {share}% of the load")
            }
            ScenarioOp::MoveRange { by } => write!(f, "the hot range moves by {}%", percent(by)),
            ScenarioOp::Scale { to } => write!(f, "the load becomes {}%", percent(to)),
            ScenarioOp::Wave { by, .. } => write!(f, "the load begins to swing by {}%", percent(by)),
            ScenarioOp::Calm => f.write_str("the load is as in the beginning"),
            ScenarioOp::ChangeLeader => f.write_str("the leader is gone"),
            ScenarioOp::Freeze(true) => f.write_str("an operator freezes the assignment"),
            ScenarioOp::Freeze(false) => f.write_str("an operator releases the assignment"),
            ScenarioOp::Set(_) => f.write_str("an operator changes the settings"),
        }
    }
}
