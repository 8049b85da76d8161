//! Decisions and their reasons.

use std::fmt;

use crate::assignment::Assignment;
use crate::keyspace::Slice;
use crate::load::Load;
use crate::pod::PodName;
use crate::time::Timestamp;

use super::Scope;

/// What the assignment should be next, and why.
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The next assignment; `None` if the present one is right.
    pub next: Option<Assignment>,
    /// Why.
    pub report: Report,
}

/// The reasons of a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// When it was made.
    pub decided_at: Timestamp,
    /// What it was allowed to change.
    pub scope: Scope,
    /// Which slices got a new owner.
    pub moves: Vec<Move>,
    /// The load of all keys.
    pub total: Load,
    /// How many slices were cut in two.
    pub split_count: usize,
    /// The balance that it found.
    pub before: Balance,
    /// The balance that it leads to.
    pub after: Balance,
}

/// A slice that got a new owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// The slice.
    pub slice: Slice,
    /// Who gave it up; `None` where it had no owner, or keeps the ones it has.
    pub from: Option<PodName>,
    /// Who owns it now.
    pub to: PodName,
    /// The load that moved.
    pub load: Load,
    /// Why it moved.
    pub cause: Cause,
}

/// Why a slice got a new owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// It had none, or fewer replicas than the target wants.
    Missing,
    /// Its owner is stopping.
    Draining,
    /// A pod joined and is filled.
    Joined,
    /// Its owner carried too much, or another pod too little.
    Imbalance,
}

impl Cause {
    /// In one word, as metrics and reports have it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Cause::Missing => "missing",
            Cause::Draining => "draining",
            Cause::Joined => "joined",
            Cause::Imbalance => "imbalance",
        }
    }
}

/// How load is spread over the pods that may own slices, per pod of weight 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Balance {
    /// The least loaded pod.
    pub min: Load,
    /// All load by all weight.
    pub mean: Load,
    /// The most loaded pod.
    pub max: Load,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.moves.is_empty() && self.split_count == 0 {
            return f.write_str("no slice moved, replicas that were leaving or dead are gone");
        }
        let count = |cause| self.moves.iter().filter(|moved| moved.cause == cause).count();
        write!(
            f,
            "{} slices moved ({} missing, {} draining, {} joined, {} imbalance), {} split, hottest pod {} -> {} at a mean of {}",
            self.moves.len(),
            count(Cause::Missing),
            count(Cause::Draining),
            count(Cause::Joined),
            count(Cause::Imbalance),
            self.split_count,
            self.before.max,
            self.after.max,
            self.after.mean,
        )
    }
}

impl fmt::Display for Move {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            slice,
            from,
            to,
            load,
            cause,
        } = self;
        write!(f, "{slice}: ")?;
        if let Some(from) = from {
            write!(f, "from {from} ")?;
        }
        write!(f, "to {to}, load {load}, {}", cause.as_str())
    }
}
