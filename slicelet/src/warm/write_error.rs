//! What can go wrong when a value is written.

use std::sync::Arc;

use emberkeep_store::StoreError;
use thiserror::Error;
use tonic::{Code, Status};

use super::GetError;
use super::get_error::code_of;
use crate::own_error::OwnError;

/// A value that was not written, or of which it is not known. `E` is what the caller's own function fails with.
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum WriteError<E> {
    /// The pod does not own the key any more, and nothing was written: return the error as a [`Status`], and the clerk
    /// goes to the owner.
    #[error(transparent)]
    NotOwner(#[from] OwnError),
    /// The function that was to make the new value refused to, and nothing was written.
    #[error("the change was refused")]
    Refused(E),
    /// The present value could not be had, and nothing was written: see the reason.
    #[error(transparent)]
    Get(#[from] GetError),
    /// The new value, or the answer, cannot be encoded, and nothing was written: see to the codec.
    #[error("the new value cannot be encoded: {0}")]
    Unencodable(String),
    /// The slicelet was not started to write: add [`Builder::writable`](crate::Builder::writable).
    #[error("this slicelet only reads: start it with Builder::writable")]
    ReadOnly,
    /// A request id that cannot be kept: use one within the limits.
    #[error("a request id of {length} bytes cannot be kept, allowed are 1 to {max}")]
    BadRequestId {
        /// Its length in bytes.
        length: usize,
        /// The longest.
        max: usize,
    },
    /// Others wrote the object again and again, and nothing was written: try again later.
    #[error("the object was written by others {attempt_count} times in a row")]
    Contended {
        /// How often it was tried.
        attempt_count: u32,
    },
    /// The store refused the write, and nothing was written: correct what it says.
    #[error(transparent)]
    Store(Arc<StoreError>),
    /// It is not known whether the value was written: read it before writing again. [`Guard::once`](crate::Guard::once)
    /// may be called again with the same request id.
    #[error("it is not known whether the value was written: {reason}")]
    InDoubt {
        /// Why not.
        reason: String,
    },
}

impl<E: Into<Status>> From<WriteError<E>> for Status {
    fn from(error: WriteError<E>) -> Status {
        let code = match error {
            WriteError::NotOwner(reason) => return reason.into(),
            WriteError::Refused(reason) => return reason.into(),
            WriteError::Get(reason) => return reason.into(),
            WriteError::Unencodable(_) => Code::Internal,
            WriteError::ReadOnly => Code::FailedPrecondition,
            WriteError::BadRequestId { .. } => Code::InvalidArgument,
            WriteError::Contended { .. } => Code::Aborted,
            WriteError::Store(ref reason) => code_of(reason),
            // Not `Unavailable`, after which clients call again by themselves.
            WriteError::InDoubt { .. } => Code::Unknown,
        };
        Status::new(code, error.to_string())
    }
}
