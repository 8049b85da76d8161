//! openraft with this crate's types and state machine.

use openraft::Raft;

use super::state_machine::StateMachine;
use super::type_config::TypeConfig;

/// The openraft instance of a member.
pub(super) type RaftNode = Raft<TypeConfig, StateMachine>;
