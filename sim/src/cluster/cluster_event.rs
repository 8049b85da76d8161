//! The events of a simulated cluster that observers read.

use std::sync::Arc;

use emberkeep_core::assigner::{Alarm, Applied, ChangeKind};
use emberkeep_core::assignment::Assignment;
use emberkeep_core::balancer::DecisionReport;
use emberkeep_core::pod::PodName;
use emberkeep_core::time::Timestamp;

/// An event with its time.
#[derive(Debug, Clone)]
pub struct TimedEvent {
    /// The virtual time of the event.
    pub at: Timestamp,
    /// What happened at that time.
    pub what: ClusterEvent,
}

/// An event that observers read.
#[expect(
    clippy::large_enum_variant,
    reason = "observers read them one at a time and keep none"
)]
#[derive(Debug, Clone)]
pub enum ClusterEvent {
    /// A change was replicated.
    Replicated {
        /// The change that was proposed.
        change: ChangeKind,
        /// The effect of the change on the replicated state.
        outcome: Applied,
    },
    /// The assigner's brain decided; its proposal may still be lost.
    Decided(Arc<DecisionReport>),
    /// Clients route by a new assignment.
    Routed {
        /// The assignment they routed by.
        before: Arc<Assignment>,
        /// The assignment they route by now.
        after: Arc<Assignment>,
    },
    /// A pod has published another assignment.
    Published {
        /// The name of the pod.
        pod: PodName,
        /// The assignment it follows now.
        assignment: Arc<Assignment>,
    },
    /// A pod has drained and its process has ended.
    Exited {
        /// The name of the pod.
        pod: PodName,
        /// Whether its drain timeout was over while it still owned slices.
        is_forced: bool,
    },
    /// The leader changed the gauges that operators are alerted by.
    Alerted(Alarm),
    /// A member of the assigner became leader, with the replicated state only.
    Elected,
}
