//! Decisions and their reasons.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::scope::Scope;
use crate::assignment::Assignment;
use crate::keyspace::Slice;
use crate::load::Load;
use crate::pod::PodName;
use crate::quantity_text::PerSecond;
use crate::time::Timestamp;

/// The next assignment, and the reasons for it.
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// `None` if the current assignment stays.
    pub next: Option<Assignment>,
    /// The changes and their causes; present also if nothing changes.
    pub report: DecisionReport,
}

/// The changes of a decision and their causes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionReport {
    /// The `now` of the decision.
    pub decided_at: Timestamp,
    /// The permitted kinds of changes.
    pub scope: Scope,
    /// The slices that get a new owner.
    pub moves: Vec<Move>,
    /// The moves that [`DecisionReport::limited`] left out, by cause.
    pub omitted: BTreeMap<MoveCause, MoveTotal>,
    /// The slices that switch to a new owner because it is warm.
    pub switch_count: usize,
    /// The total load of all keys.
    pub total: Load,
    /// How many slices were added by splits.
    pub split_count: usize,
    /// How many slices were removed by merges of neighbours.
    pub merge_count: usize,
    /// The moves for balance that were considered and not made.
    pub search: SearchStats,
    /// The balance of the current assignment.
    pub before: Balance,
    /// The balance once all moves are complete.
    pub after: Balance,
}

/// Moves of one cause together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[allow(missing_docs, reason = "fields are named by their types")]
pub struct MoveTotal {
    pub count: usize,
    pub load: Load,
}

/// The moves for balance that a decision considered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SearchStats {
    /// How many would have helped.
    pub candidates: usize,
    /// How many slices of hot pods could not move: pinned, poisoned, moving or in cooldown.
    pub held: usize,
    /// How many exceeded the allowance.
    pub unaffordable: usize,
    /// How many fitted no other pod.
    pub without_room: usize,
}

/// A slice that gets a new owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    /// Its bounds at the time of the move; later splits of the same decision may divide it.
    pub slice: Slice,
    /// The owner that gives it up; `None` if it had no owner, or gets an additional one.
    pub from: Option<PodName>,
    /// The pod that becomes an owner.
    pub to: PodName,
    /// The load that moves: the part of the owner that gives it up.
    pub load: Load,
    /// How much less load the giving pod has after the move.
    pub gain: Load,
    /// The rule of the balancer that moved it.
    pub cause: MoveCause,
}

/// The cause of a change of owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum MoveCause {
    /// It had no owner, or fewer replicas than `min_replicas`.
    Missing,
    /// A pod that joined replaces its owner.
    Replaced,
    /// Its owner drains and gives it up.
    Draining,
    /// An operator has pinned it to its new owner.
    Pinned,
    /// Its owner lacks the memory to keep its values warm.
    Memory,
    /// It is one key that is too hot for its current owners.
    Hot,
    /// A pod joined and is filled up to the level.
    Joined,
    /// Its owner is above the band, or another pod is below it.
    Imbalance,
    /// It will be merged with a neighbour that has other owners.
    Merged,
}

impl MoveCause {
    /// All causes, the most urgent first.
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

    /// The cause in one word, for metrics and reports.
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

    /// Whether the move is for balance alone, and so limited by the allowance.
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

/// The spread of load over the pods that may own slices, per pod of weight 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Balance {
    /// The least loaded pod.
    pub min: Load,
    /// The total load divided by the total weight.
    pub mean: Load,
    /// The most loaded pod.
    pub max: Load,
}

impl DecisionReport {
    /// The load that moves for this cause.
    #[must_use]
    pub fn moved(&self, cause: MoveCause) -> Load {
        self.totals().get(&cause).map_or(Load::ZERO, |total| total.load)
    }

    /// The number of all moves.
    #[must_use]
    pub fn move_count(&self) -> usize {
        self.moves.len() + self.omitted.values().map(|total| total.count).sum::<usize>()
    }

    /// The moves by cause, the most urgent first.
    #[must_use]
    pub fn totals(&self) -> BTreeMap<MoveCause, MoveTotal> {
        let mut totals = self.omitted.clone();
        add_moves(&mut totals, &self.moves);
        totals
    }

    /// The report with its first moves only, so that it stays small; the others are counted.
    #[must_use]
    pub fn limited(mut self, moves_max: usize) -> Self {
        let omitted = self.moves.split_off(moves_max.min(self.moves.len()));
        add_moves(&mut self.omitted, &omitted);
        self
    }

    /// Adds the changes of one more pass of the same decision.
    pub(super) fn extend(&mut self, more: &DecisionReport) {
        self.moves.extend_from_slice(&more.moves);
        for (cause, omitted) in &more.omitted {
            self.omitted.entry(*cause).or_default().add(omitted.count, omitted.load);
        }
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

impl MoveTotal {
    fn add(&mut self, count: usize, load: Load) {
        self.count += count;
        self.load += load;
    }
}

fn add_moves(totals: &mut BTreeMap<MoveCause, MoveTotal>, moves: &[Move]) {
    for moved in moves {
        totals.entry(moved.cause).or_default().add(1, moved.load);
    }
}

impl fmt::Display for DecisionReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.move_count() == 0 && self.split_count == 0 && self.merge_count == 0 {
            return match self.switch_count {
                0 => f.write_str("no slice moved, replicas that were leaving or dead are gone"),
                count => write!(f, "new owners of {count} slices are ready and serve"),
            };
        }
        write!(f, "{} slices moved", self.move_count())?;
        let mut separator = " (";
        for (cause, MoveTotal { count, load }) in self.totals() {
            write!(f, "{separator}{count} {} with {}", cause.as_str(), PerSecond(load))?;
            separator = ", ";
        }
        let close = if self.move_count() == 0 { "" } else { ")" };
        let Self {
            before, after, search, ..
        } = self;
        write!(f, "{close}, {} split, {} merged", self.split_count, self.merge_count)?;
        if self.switch_count > 0 {
            write!(f, ", {} switched", self.switch_count)?;
        }
        write!(
            f,
            ", hottest pod {} -> {} at a mean of {}",
            PerSecond(before.max),
            PerSecond(after.max),
            PerSecond(after.mean)
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
            "{candidates} moves tried, {unaffordable} over budget, {without_room} without room, {held} slices held"
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
        let (load, gain) = (PerSecond(*load), PerSecond(*gain));
        write!(f, "to {to} with {load}, gain {gain} ({})", cause.as_str())
    }
}
