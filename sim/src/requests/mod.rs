//! Requests: a recorded workload played to pods, to see what keys that stay with a pod are worth.
//!
//! ```text
//! RequestTrace --Plan--> Play: arrivals, load of each tick, pods that come and go
//!                          |
//!   arrivals --Service--> a pod, by the ownership --WarmValues--> hit, or a read of the object store --Tally--> Figures
//!                          |                                                                              ^
//!                          +--PodMeter--> LoadHistory --> balancer::decide --> the next ownership         | Scorer: moved
//! ```
//!
//! Three ways to place keys meet the same requests: Emberkeep's balancer, which knows of the load what pods measure;
//! consistent hashing; and pods without affinity, of which any may get any request.

mod arrivals;
mod figures;
mod metered;
mod placement;
mod plan;
mod play;
mod pod_events;
mod pod_meter;
mod serving;
mod tally;
#[cfg(test)]
mod tests;
mod warm_values;
mod way;
mod windows;

pub use figures::{FigureTable, Figures};
pub use plan::{Plan, PlanError, Room};
pub use play::Play;
pub use pod_events::{Addition, PodEvents};
pub use way::Way;
