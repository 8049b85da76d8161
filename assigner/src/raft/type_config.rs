//! The types openraft is built over: what a log entry carries, and what applying it answers.

use std::fmt;

use emberkeep_core::assigner::{Applied, Change};
use openraft::Raft;
use openraft::type_config::alias;
use serde::{Deserialize, Serialize};

use super::state_machine::StateMachine;

openraft::declare_raft_types!(
    /// openraft over our changes. Only changes are answered; Raft's own entries change nothing and answer `None`.
    pub(super) TypeConfig:
        D = Proposal,
        R = Option<Applied>,
);

/// This member's openraft.
pub(super) type RaftNode = Raft<TypeConfig, StateMachine>;

pub(super) type Entry = alias::EntryOf<TypeConfig>;
pub(super) type LogId = alias::LogIdOf<TypeConfig>;
pub(super) type Vote = alias::VoteOf<TypeConfig>;
pub(super) type StoredMembership = alias::StoredMembershipOf<TypeConfig>;
pub(super) type SnapshotMeta = alias::SnapshotMetaOf<TypeConfig>;
pub(super) type Snapshot = alias::SnapshotOf<TypeConfig, Vec<u8>>;

/// A change on its way through the log. openraft wants to print what it carries; a change has no one-line form.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Proposal(pub(super) Change);

impl fmt::Display for Proposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}
