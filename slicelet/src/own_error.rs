//! Why a pod does not answer for a key.

use emberkeep_core::keyspace::KeyTooLong;
use emberkeep_proto::convert::{NotOwner, not_owner_status};
use thiserror::Error;
use tonic::Status;

/// A key that this pod may not answer for. Return it as a [`Status`]: a clerk understands it.
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum OwnError {
    /// Another pod owns the key, or nobody does: the caller is to go there.
    #[error("slice {} is not owned by this pod at generation {}", .0.slice, .0.generation)]
    NotOwner(Box<NotOwner>),
    /// No pod owns such a key: the caller is to use a shorter one.
    #[error(transparent)]
    KeyTooLong(#[from] KeyTooLong),
}

impl From<OwnError> for Status {
    fn from(error: OwnError) -> Status {
        match error {
            OwnError::NotOwner(not_owner) => not_owner_status(&not_owner),
            OwnError::KeyTooLong(reason) => Status::invalid_argument(reason.to_string()),
        }
    }
}
