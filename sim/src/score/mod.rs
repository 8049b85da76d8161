//! Scoring: how well a sequence of assignments serves a load trace, by definitions that fit any balancer.
//!
//! - *over mean*: the hottest pod's load over the mean load of live pods.
//! - *rest*: the same without what no assignment could avoid: keys too hot for `max_replicas` pods are set aside with
//!   their pods; the hottest remaining pod over the remaining mean. 1.0 is perfect.
//! - *CoV*, *CoV floor*: standard deviation of pod load over the mean; the least that any assignment could reach.
//! - *moved*: the share of all load that lost an owner. In a tick in which pods came or went it counts as forced, else as
//!   voluntary.
//! - *unavoidable*: the part of forced whose old owner left. *Needed*: each tick the larger of that and of the share that
//!   joining pods make up of all pods.
//! - *over capacity*: how many pods are above `max_load_hint`.
//! - *uncovered*: ticks in which some key had no live owner.
//! - *over band*: ticks in which some pod is more than the tolerance above the remaining mean or, where that is more, above
//!   its part of a key set aside that it serves, shared by `max_replicas` pods: what could be cured.
//!
//! The first minute is settling in and counts apart.

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
