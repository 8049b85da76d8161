//! The type parameters of openraft: the content of a log entry, and the response of applying it.

use std::fmt;

use emberkeep_core::assigner::{Applied, Change};
use openraft::type_config::alias;
use serde::{Deserialize, Serialize};

openraft::declare_raft_types!(
    /// openraft over changes of the replicated state. Raft's own entries change nothing and respond with `None`.
    pub(super) TypeConfig:
        D = ProposedChange,
        R = Option<Applied>,
);

pub(super) type RaftEntry = alias::EntryOf<TypeConfig>;
pub(super) type LogId = alias::LogIdOf<TypeConfig>;
pub(super) type Vote = alias::VoteOf<TypeConfig>;
pub(super) type StoredMembership = alias::StoredMembershipOf<TypeConfig>;
pub(super) type SnapshotMeta = alias::SnapshotMetaOf<TypeConfig>;
pub(super) type Snapshot = alias::SnapshotOf<TypeConfig, Vec<u8>>;

/// A change in the log. openraft requires `Display`, which a change does not have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct ProposedChange(pub(super) Change);

impl fmt::Display for ProposedChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}
