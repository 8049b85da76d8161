//! A whole cluster in one thread: the brains of production in virtual time.
//!
//! ```text
//!      keys with rates (Traffic) --> ClientRouting --> TrafficCounter             (what a pod counts)
//!                                             ^           |
//!   EventQueue                                | ToClients v Counted
//!     |                                       |        Session --> LoadReport        (a brain for each pod)
//!     +--> Cluster::run_until --> step -------+--- network delay ------+
//!                                             |                        v
//!                                       ClusterState <-- raft -- TargetBrain         (the brain of the leader)
//! ```
//!
//! [`TargetBrain`](emberkeep_core::assigner::TargetBrain) and [`Session`](emberkeep_core::slicelet::Session) are called as
//! the assigner and the slicelet call them. All clients hold the same assignment. The same settings, commands and times
//! lead to the same events, on every machine.

mod assigner_hands;
#[expect(clippy::module_inception, reason = "the module is named for its main type")]
mod cluster;
mod cluster_event;
mod control;
mod event;
mod event_queue;
mod outage;
mod pod;
mod pod_hands;
mod routing;
mod session_table;
mod settings;
#[cfg(test)]
mod tests;
mod traffic;
mod traffic_counter;
mod wake_up_timer;

pub use cluster::{PodView, SimCluster};
pub use cluster_event::{ClusterEvent, TimedEvent};
pub use control::{Fault, NewPod};
pub use outage::Outage;
pub use pod::ProcessState;
pub use routing::{ClientRouting, SliceRoute};
pub use settings::{Counts, Delay, SimClusterSettings};
pub use traffic::Traffic;
