//! The errors of reading a value.

use std::sync::Arc;
use std::time::Duration;

use emberkeep_store::StoreError;
use thiserror::Error;
use tonic::{Code, Status};

use crate::overloaded::Overloaded;

/// A value could not be read. Only [`GetError::NotFound`] is cached, for 1 s; after any other error, the next request loads
/// again.
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages name the fields")]
pub enum GetError {
    /// The store has no object for the key: report that to the caller.
    #[error("there is no object for this key")]
    NotFound,
    /// The store could not be read: retry if [`StoreError::is_retryable`], else correct the cause it names.
    #[error(transparent)]
    Store(Arc<StoreError>),
    /// The object cannot be decoded by the codec: repair the object or the codec.
    #[error("object {object} cannot be decoded: {reason}")]
    Undecodable { object: String, reason: String },
    /// The store is overloaded and would not serve the request in time: retry after the given time.
    #[error(transparent)]
    Overloaded(#[from] Overloaded),
    /// The load exceeded its deadline: retry later, or raise `load_deadline`.
    #[error("the value was not loaded within {after:?}")]
    TooSlow { after: Duration },
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

/// The gRPC code for a failure of the store.
pub(super) fn code_of(error: &StoreError) -> Code {
    match error.is_retryable() {
        true => Code::Unavailable,
        false => Code::Internal,
    }
}
