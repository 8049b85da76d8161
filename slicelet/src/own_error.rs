//! Errors of ownership checks.

use emberkeep_core::keyspace::KeyTooLong;
use emberkeep_proto::convert::{NotOwner, not_owner_status};
use thiserror::Error;
use tonic::Status;

/// This pod may not answer for a key. Return the error as a [`Status`], from which a clerk learns the owner.
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum OwnError {
    /// Another pod owns the key, or none does: the caller has to go to the owner.
    #[error("slice {} is not owned by this pod at generation {}", .0.slice, .0.generation)]
    NotOwner(Box<NotOwner>),
    /// The key exceeds the length limit: the caller has to use a shorter one.
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
