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
    pub report: DecisionReport,
}

/// The reasons of a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecisionReport {
    /// When it was made.
    pub decided_at: Timestamp,
    /// What it was allowed to change.
    pub scope: Scope,
    /// Which slices get a new owner.
    pub moves: Vec<Move>,
    /// In how many slices a new owner serves that has got ready.
    pub switch_count: usize,
    /// The load of all keys.
    pub total: Load,
    /// How many slices were cut in two.
    pub split_count: usize,
    /// How many slices fewer there are because neighbours were joined.
    pub merge_count: usize,
    /// How many moves for balance were looked at, and why they were not made.
    pub search: SearchStats,
    /// The balance that it found.
    pub before: Balance,
    /// The balance that it leads to.
    pub after: Balance,
}

/// The moves for balance that were looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SearchStats {
    /// How many could have helped.
    pub candidates: usize,
    /// How many of a hot pod's slices rest, or are held where they are.
    pub held: usize,
    /// How many were more than may move.
    pub unaffordable: usize,
    /// How many no pod has room for.
    pub without_room: usize,
}

/// A slice that gets a new owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// The slice.
    pub slice: Slice,
    /// Who gave it up; `None` where it had no owner, or keeps the ones it has.
    pub from: Option<PodName>,
    /// Who is to own it.
    pub to: PodName,
    /// The load that moved: the part of the one who gave it up.
    pub load: Load,
    /// By how much the pod that gave it up carries less, or the one that could not carry it alone.
    pub gain: Load,
    /// Why it moved.
    pub cause: MoveCause,
}

/// Why a slice got a new owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MoveCause {
    /// It had none, or fewer replicas than the target wants.
    Missing,
    /// A pod that joined took the place of its owner.
    Replaced,
    /// Its owner is stopping.
    Draining,
    /// An operator has bound it to its new owner.
    Pinned,
    /// Its owner has more to keep warm than it has memory for.
    Memory,
    /// It is too hot for its owners alone.
    Hot,
    /// A pod joined and is filled.
    Joined,
    /// Its owner carried too much, or another pod too little.
    Imbalance,
    /// It was joined with a neighbour.
    Merged,
}

impl MoveCause {
    /// Every cause, the most urgent first.
    pub const ALL: [MoveCause; 9] = [
        MoveCause::Missing,
        MoveCause::Replaced,
        MoveCause::Draining,
        MoveCause::Pinned,
        MoveCause::Memory,
        MoveCause::Hot,
        MoveCause::Joined,
        MoveCause::Imbalance,
        MoveCause::Merged,
    ];

    /// In one word, as metrics and reports have it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            MoveCause::Missing => "missing",
            MoveCause::Replaced => "replaced",
            MoveCause::Draining => "draining",
            MoveCause::Pinned => "pinned",
            MoveCause::Memory => "memory",
            MoveCause::Hot => "hot",
            MoveCause::Joined => "joined",
            MoveCause::Imbalance => "imbalance",
            MoveCause::Merged => "merged",
        }
    }

    /// Whether it is for the sake of balance alone.
    #[must_use]
    pub const fn is_voluntary(self) -> bool {
        match self {
            MoveCause::Imbalance | MoveCause::Merged => true,
            MoveCause::Missing
            | MoveCause::Replaced
            | MoveCause::Draining
            | MoveCause::Pinned
            | MoveCause::Memory
            | MoveCause::Hot
            | MoveCause::Joined => false,
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

impl DecisionReport {
    /// The load that changed owners for a cause.
    #[must_use]
    pub fn moved(&self, cause: MoveCause) -> Load {
        let moves = self.moves.iter().filter(|moved| moved.cause == cause);
        moves.map(|moved| moved.load).sum()
    }

    /// Takes in what one more look at the same decision has changed.
    pub(super) fn extend(&mut self, more: &DecisionReport) {
        self.moves.extend_from_slice(&more.moves);
        self.switch_count += more.switch_count;
        self.split_count += more.split_count;
        self.merge_count += more.merge_count;
        self.search.candidates += more.search.candidates;
        self.search.held += more.search.held;
        self.search.unaffordable += more.search.unaffordable;
        self.search.without_room += more.search.without_room;
        self.after = more.after;
    }
}

impl fmt::Display for DecisionReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.moves.is_empty() && self.split_count == 0 && self.merge_count == 0 {
            return match self.switch_count {
                0 => f.write_str("no slice moved, replicas that were leaving or dead are gone"),
                count => write!(f, "new owners of {count} slices are ready and serve"),
            };
        }
        write!(f, "{} slices moved", self.moves.len())?;
        let counts =
            MoveCause::ALL.map(|cause| (cause, self.moves.iter().filter(|moved| moved.cause == cause).count()));
        let mut separator = " (";
        for (cause, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
            write!(
                f,
                "{separator}{count} {} with load {}",
                cause.as_str(),
                self.moved(cause)
            )?;
            separator = ", ";
        }
        let close = if self.moves.is_empty() { "" } else { ")" };
        let Self {
            before, after, search, ..
        } = self;
        write!(f, "{close}, {} cut, {} joined", self.split_count, self.merge_count)?;
        if self.switch_count > 0 {
            write!(f, ", {} switched", self.switch_count)?;
        }
        write!(
            f,
            ", hottest pod {} -> {} at a mean of {}",
            before.max, after.max, after.mean
        )?;
        if *search != SearchStats::default() {
            write!(f, "; {search}")?;
        }
        Ok(())
    }
}

impl fmt::Display for SearchStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            candidates,
            held,
            unaffordable,
            without_room,
        } = self;
        write!(
            f,
            "{candidates} moves search, {unaffordable} over budget, {without_room} without room, {held} slices held"
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
            gain,
            cause,
        } = self;
        write!(f, "{slice}: ")?;
        if let Some(from) = from {
            write!(f, "from {from} ")?;
        }
        write!(f, "to {to}, load {load}, gain {gain}, {}", cause.as_str())
    }
}
