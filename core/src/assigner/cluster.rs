//! What every assigner member agrees on, and the changes that Raft replicates.

use serde::{Deserialize, Serialize};

/// A replicated command: one Raft log entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// Creates a target.
    CreateTarget {
        /// Its name.
        target: String,
    },
}

/// The replicated state: targets with their settings, pods and assignments.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterState {
    targets: std::collections::BTreeMap<String, ()>,
}

/// What applying a change did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Applied {
    /// The change is part of the state now.
    Done,
    /// The state is as it was, for this reason.
    Rejected(Rejection),
}

/// Why a change was not applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Rejection {
    /// A target of that name exists.
    #[error("target {target} exists already")]
    TargetExists {
        /// Its name.
        target: String,
    },
}

impl ClusterState {
    /// Applies one change; deterministic, so every member reaches the same state.
    pub fn apply(&mut self, change: &Change) -> Applied {
        match change {
            Change::CreateTarget { target } => match self.targets.insert(target.clone(), ()) {
                None => Applied::Done,
                Some(()) => Applied::Rejected(Rejection::TargetExists {
                    target: target.clone(),
                }),
            },
        }
    }
}
