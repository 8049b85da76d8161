//! Raft: one replicated log of changes, one state that every member reaches. All of openraft stays in this folder.
//!
//! ```text
//!  propose(change) --> Member --> openraft --> LogStore      raft.redb, fsync before anything is answered
//!                                    |    \--> Network       gRPC to the other members' Transport
//!                                    v
//!  state() <-- watch <--------- StateMachine --> snapshots   in memory; rebuilt from snapshot and log at start
//!  leadership() <-- watch <---- Herald                       who leads, and whether its state is current
//! ```

mod codec;
mod disk;
mod error;
mod flusher;
mod leadership;
mod log_reader;
mod log_store;
mod member;
mod membership;
mod network;
mod refusal;
mod settings;
mod snapshot_store;
mod state_machine;
mod transport;
mod type_config;

pub use error::{ProposeError, RaftError};
pub use leadership::Leadership;
pub use member::Member;
pub use membership::Standing;
pub use settings::{MemberId, RaftSettings};
pub use transport::Transport;

#[cfg(test)]
mod cluster_tests;
#[cfg(test)]
mod testbed;
