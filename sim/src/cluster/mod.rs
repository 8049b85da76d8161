//! A whole cluster in one thread: virtual time around the brains of production.
//!
//! ```text
//!            keys with rates (Traffic) --> Routing --> Counter --> LoadMeter        (what a pod measures)
//!                                             ^                        |
//!   Queue: what happens when                  | ToClients              v LoadReport
//!     |                                       |                     Session          (a brain for each pod)
//!     +--> Cluster::run_until --> step -------+--- network delay ------+
//!                                             |                        v
//!                                       ClusterState <-- raft -- TargetBrain         (the brain of the leader)
//! ```
//!
//! [`TargetBrain`](emberkeep_core::assigner::TargetBrain), [`Session`](emberkeep_core::slicelet::Session) and
//! [`LoadMeter`](emberkeep_core::slicelet::LoadMeter) are called as the assigner and the slicelet call them. Clients are
//! one population that goes by one assignment. The same settings, commands and times lead to the same events, on every
//! machine.

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
pub(crate) use counter::{PLACES, SAMPLED_ONE_IN, SKETCH_COUNT};
pub use news::{Happening, News};
pub use outage::Outage;
pub use pod::Process;
pub use routing::{Route, Routing};
pub use settings::{ClusterSettings, Counts, Delay};
pub use traffic::Traffic;
