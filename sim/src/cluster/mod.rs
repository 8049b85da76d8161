//! A whole cluster in one thread: virtual time around the brains of production.
//!
//! ```text
//!            keys with rates (Traffic) --> Routing --> Counter                      (what a pod counts)
//!                                             ^           |
//!   Queue: what happens when                  | ToClients v Counted
//!     |                                       |        Session --> LoadReport        (a brain for each pod)
//!     +--> Cluster::run_until --> step -------+--- network delay ------+
//!                                             |                        v
//!                                       ClusterState <-- raft -- TargetBrain         (the brain of the leader)
//! ```
//!
//! [`TargetBrain`](emberkeep_core::assigner::TargetBrain) and [`Session`](emberkeep_core::slicelet::Session) are called as
//! the assigner and the slicelet call them. Clients are one population that goes by one assignment. The same settings,
//! commands and times lead to the same events, on every machine.

mod alarm;
mod assigner_hands;
#[expect(clippy::module_inception, reason = "a cluster is what this module is about")]
mod cluster;
mod control;
mod counter;
mod desk;
mod event;
mod news;
mod outage;
mod pod;
mod pod_hands;
mod queue;
mod routing;
mod settings;
#[cfg(test)]
mod tests;
mod traffic;

pub use cluster::{Cluster, PodView};
pub use control::{Fault, NewPod};
pub use news::{Happening, News};
pub use outage::Outage;
pub use pod::Process;
pub use routing::{Route, Routing};
pub use settings::{ClusterSettings, Counts, Delay};
pub use traffic::Traffic;
