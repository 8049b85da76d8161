//! Past moves: the decisions that moved a slice, or moved slices to and from a pod.

use std::fmt;
use std::time::Duration;

use super::overview::TargetOverview;
use crate::assignment::Generation;
use crate::balancer::{Move, MoveCause};
use crate::keyspace::Slice;
use crate::pod::PodName;
use crate::quantity_text::{PerSecond, ReadableDuration};

/// A move of a decision that took effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastMoveOfSlice {
    /// The generation that the decision led to.
    pub generation: Generation,
    /// How long ago it was decided.
    pub age: Duration,
    /// The slice at that time, its owners, its load and the cause.
    pub moved: Move,
    /// The whole decision in one line.
    pub decision: String,
}

impl PastMoveOfSlice {
    /// The newest move of keys of this slice.
    pub(super) fn last_of(overview: &TargetOverview, slice: &Slice) -> Option<Self> {
        Self::newest_first(overview, |moved| moved.slice.intersection(slice).is_some()).next()
    }

    /// The newest moves to and from this pod, newest first.
    pub(super) fn of_pod(overview: &TargetOverview, pod: &PodName, count: usize) -> Vec<Self> {
        let is_of_pod = |moved: &Move| moved.to == *pod || moved.from.as_ref() == Some(pod);
        Self::newest_first(overview, is_of_pod).take(count).collect()
    }

    fn newest_first(overview: &TargetOverview, is_wanted: impl Fn(&Move) -> bool) -> impl Iterator<Item = Self> {
        let decisions = overview.decisions.iter().rev();
        decisions.flat_map(move |decided| {
            let wanted = decided.report.moves.iter().rev().filter(|moved| is_wanted(moved));
            let wanted = wanted.map(|moved| Self {
                generation: decided.generation,
                age: overview.inputs.now.since(decided.report.decided_at),
                moved: moved.clone(),
                decision: decided.report.to_string(),
            });
            wanted.collect::<Vec<_>>()
        })
    }
}

/// The cause as the end of a sentence that begins with "because".
const fn because(cause: MoveCause) -> &'static str {
    match cause {
        MoveCause::Missing => "it had no owner, or too few",
        MoveCause::Replaced => "a pod that joined replaced its owner",
        MoveCause::Draining => "its owner drained",
        MoveCause::Pinned => "an operator pinned it",
        MoveCause::Memory => "its owner lacked the memory for its values",
        MoveCause::Hot => "it is one key that was too hot for its owners",
        MoveCause::Joined => "a pod joined and was filled up",
        MoveCause::Imbalance => "its owner had too much load, or another pod too little",
        MoveCause::Merged => "it was to be merged with a neighbour",
    }
}

impl fmt::Display for PastMoveOfSlice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Move {
            slice,
            from,
            to,
            load,
            cause,
            ..
        } = &self.moved;
        let (generation, age) = (self.generation, ReadableDuration(self.age));
        write!(f, "generation {generation}, {age} ago: {slice} moved ")?;
        if let Some(from) = from {
            write!(f, "from {from} ")?;
        }
        let cause_word = cause.as_str();
        write!(
            f,
            "to {to} with {} because {} ({cause_word})",
            PerSecond(*load),
            because(*cause)
        )
    }
}
