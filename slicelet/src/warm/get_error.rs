//! What can go wrong when a value is asked for.

use std::sync::Arc;
use std::time::Duration;

use emberkeep_store::StoreError;
use thiserror::Error;
use tonic::{Code, Status};

use crate::overloaded::Overloaded;

/// A value that could not be had. None of these is remembered but that there is no object, and that for a second.
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum GetError {
    /// The store has no object for the key: tell the caller so.
    #[error("there is no object for this key")]
    NotFound,
    /// The store could not be read: try again if [`StoreError::is_retryable`], else correct what it says.
    #[error(transparent)]
    Store(Arc<StoreError>),
    /// The object is no value of this codec: repair the object, or the codec.
    #[error("object {object} cannot be decoded: {reason}")]
    Undecodable {
        /// The object's name.
        object: String,
        /// What the codec said.
        reason: String,
    },
    /// Too much is asked of the store to serve this request in time: try again when it says.
    #[error(transparent)]
    Overloaded(#[from] Overloaded),
    /// Loading took too long: try again later, or allow more time with `load_deadline`.
    #[error("the value was not loaded within {after:?}")]
    TooSlow {
        /// How long was waited.
        after: Duration,
    },
}

impl From<StoreError> for GetError {
    fn from(error: StoreError) -> Self {
        Self::Store(Arc::new(error))
    }
}

impl From<GetError> for Status {
    fn from(error: GetError) -> Status {
        let code = match &error {
            GetError::NotFound => Code::NotFound,
            GetError::Store(reason) => code_of(reason),
            GetError::Undecodable { .. } => Code::DataLoss,
            GetError::Overloaded(overloaded) => return Status::from(*overloaded),
            GetError::TooSlow { .. } => Code::DeadlineExceeded,
        };
        Status::new(code, error.to_string())
    }
}

/// What a failure of the store is to whoever called.
pub(super) fn code_of(error: &StoreError) -> Code {
    match error.is_retryable() {
        true => Code::Unavailable,
        false => Code::Internal,
    }
}
