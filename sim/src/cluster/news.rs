//! News: what happened in a simulated cluster, for whoever watches it.

use std::sync::Arc;

use emberkeep_core::assigner::{Applied, ChangeKind};
use emberkeep_core::assignment::Assignment;
use emberkeep_core::balancer::DecisionReport;
use emberkeep_core::pod::PodName;
use emberkeep_core::time::Timestamp;

/// What happened, and when.
#[derive(Debug, Clone)]
pub struct News {
    /// In virtual time.
    pub at: Timestamp,
    /// What.
    pub what: Happening,
}

/// What happened.
#[derive(Debug, Clone)]
pub enum Happening {
    /// A change was replicated.
    Replicated {
        /// What was wanted.
        change: ChangeKind,
        /// What it did.
        outcome: Applied,
    },
    /// The brain of the assigner decided; its proposal may still be lost.
    Decided(DecisionReport),
    /// Clients go by a new assignment.
    Routed {
        /// What they went by.
        before: Arc<Assignment>,
        /// What they go by now.
        after: Arc<Assignment>,
    },
    /// A pod goes by another assignment.
    Published {
        /// The pod.
        pod: PodName,
        /// Which one.
        assignment: Arc<Assignment>,
    },
    /// A pod has drained and its process has ended.
    Exited {
        /// The pod.
        pod: PodName,
        /// Whether it gave up waiting for others to take over.
        is_forced: bool,
    },
    /// A member of the assigner leads, and knows nothing but what is replicated.
    Elected,
}
