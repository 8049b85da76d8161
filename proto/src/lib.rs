//! The wire: generated messages and their conversions to and from core.
//!
//! ```text
//! bytes --prost--> pb::X --convert (the only place that validates input)--> core::X
//! ```
//!
//! A message that violates a rule becomes an [`InvalidMessage`](convert::InvalidMessage), which names the field and
//! the allowed values, and converts into a gRPC status of code `INVALID_ARGUMENT`.

pub mod convert;

/// Messages and services between assigners, slicelets, clerks and operators: generated from
/// `proto/emberkeep/v1/*.proto`.
#[allow(missing_docs, unreachable_pub, clippy::all)]
pub mod pb {
    tonic::include_proto!("emberkeep.v1");
}

/// Raft between assigner members: generated from `proto/emberkeep/raft/v1/raft.proto`.
#[allow(missing_docs, unreachable_pub, clippy::all)]
pub mod raft {
    tonic::include_proto!("emberkeep.raft.v1");
}

/// The descriptors of all messages and services, encoded, for gRPC reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = tonic::include_file_descriptor_set!("emberkeep_descriptor");
