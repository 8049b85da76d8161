//! Raft: a replicated log of changes, and the state that each member derives from it. openraft is used in this folder
//! only.
//!
//! ```text
//!  propose(change) --> Member --> openraft --> LogStore      raft.redb, fsync before an acknowledgement
//!                                    |    \--> Network       gRPC to the other members' Transport
//!                                    v
//!  state() <-- watch <--------- StateMachine --> snapshots   in memory; rebuilt from snapshot and log at start
//!  leadership() <-- watch <---- LeadershipWatcher            which member leads, confirmed by a quorum
//! ```

mod codec;
mod disk;
mod error;
mod error_conversion;
mod flusher;
mod leadership;
mod log_reader;
mod log_store;
mod member;
mod member_id;
mod membership;
mod meters;
mod network;
mod progress;
mod raft_node;
mod settings;
mod snapshot_store;
mod state_machine;
mod transport;
mod type_config;

pub use error::{ProposeError, RaftError};
pub use leadership::Leadership;
pub use member::Member;
pub use member_id::MemberId;
pub use membership::RaftStatus;
pub(crate) use meters::RaftMeters;
pub(crate) use progress::{QuorumContact, RaftProgress};
pub use settings::RaftSettings;
pub use transport::Transport;

#[cfg(test)]
mod cluster_tests;
#[cfg(test)]
mod test_cluster;
