//! The errors of writing a value.

use std::sync::Arc;

use emberkeep_store::StoreError;
use thiserror::Error;
use tonic::{Code, Status};

use super::GetError;
use super::get_error::code_of;
use crate::own_error::OwnError;

/// A value was not written, or it is unknown whether it was. `E` is the error type of the caller's change function.
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages name the fields")]
pub enum WriteError<E> {
    /// The pod no longer owns the key, and nothing was written: return the error as a [`Status`], and the clerk goes to the
    /// owner.
    #[error(transparent)]
    NotOwner(#[from] OwnError),
    /// The change function returned an error, and nothing was written.
    #[error("the change was refused")]
    Refused(E),
    /// The present value could not be read, and nothing was written: see the reason.
    #[error(transparent)]
    Get(#[from] GetError),
    /// The new value or the answer cannot be encoded, and nothing was written: correct the codec.
    #[error("the new value cannot be encoded: {0}")]
    Unencodable(String),
    /// The slicelet is read-only: start it with [`Builder::writable`](crate::Builder::writable).
    #[error("this slicelet is read-only: start it with Builder::writable")]
    ReadOnly,
    /// The request id is empty or too long: use one within the limits.
    #[error("request id has {length} bytes, allowed are 1 to {max}")]
    BadRequestId { length: usize, max: usize },
    /// Every attempt conflicted with a write of another pod, and nothing was written: retry later.
    #[error("the write conflicted with writes of other pods {attempt_count} times in a row")]
    Contended { attempt_count: u32 },
    /// The store rejected the write, and nothing was written: correct the cause it names.
    #[error(transparent)]
    Store(Arc<StoreError>),
    /// The outcome is unknown; the write may still take effect: read the value before writing again.
    /// [`Guard::once`](crate::Guard::once) may be called again with the same request id.
    #[error("unknown whether the value was written: {reason}")]
    InDoubt { reason: String },
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
            // Not `Unavailable`, on which clients retry automatically.
            WriteError::InDoubt { .. } => Code::Unknown,
        };
        Status::new(code, error.to_string())
    }
}
