//! Scoring of assignments on a load trace, by definitions that apply to any balancer.
//!
//! - *over mean*: the hottest pod's load over the mean load of live pods.
//! - *rest*: the same without the unavoidable part: keys too hot for `max_replicas` pods are set aside with their pods; the
//!   hottest remaining pod over the remaining mean. 1.0 is optimal.
//! - *CoV*, *CoV floor*: standard deviation of pod load over the mean; the lower bound of any assignment.
//! - *moved*: the share of all load that lost an owner. In a tick in which pods joined or left it counts as forced, otherwise as
//!   voluntary.
//! - *unavoidable*: the part of forced whose old owner left. *Needed*: in each tick the larger of that and the fraction
//!   of joining pods among all pods.
//! - *over capacity*: the number of pods above `max_load_hint`.
//! - *uncovered*: ticks in which some key had no live owner.
//! - *over band*: ticks in which some pod exceeds its attainable load by more than the tolerance. Attainable is the remaining mean
//!   or, if larger, its share of a key set aside that it serves, divided among `max_replicas` pods.
//!
//! The first minute, in which the assignment settles, is scored separately.

mod floor;
mod key_ranges;
mod scorer;
mod summary;
mod table;
mod tick_churn;
mod tick_score;

pub use scorer::Scorer;
pub use summary::{DecideTimes, Summary};
pub(crate) use summary::{Distribution, SETTLING_MS, rounded};
pub use table::ScoreTable;
pub use tick_score::TickScore;

#[cfg(test)]
mod tests;
