//! The wire: generated messages and their conversions to and from core.

/// Raft between assigner members: generated from `proto/emberkeep/raft/v1/raft.proto`.
#[allow(missing_docs, unreachable_pub, clippy::all)]
pub mod raft {
    tonic::include_proto!("emberkeep.raft.v1");
}
