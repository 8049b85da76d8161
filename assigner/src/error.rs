//! Why a member of the assigner does not start.

use emberkeep_runtime::serve::BindError;
use thiserror::Error;

use crate::raft::RaftError;

/// Why a member does not start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AssignerError {
    /// An address is not to be had: choose another one.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The consensus does not start: the message says what to do about it.
    #[error(transparent)]
    Raft(#[from] RaftError),
}

impl AssignerError {
    /// Whether whoever started it has to change something.
    #[must_use]
    pub fn is_bad_input(&self) -> bool {
        match self {
            AssignerError::Bind(_) => true,
            AssignerError::Raft(error) => error.is_bad_input(),
        }
    }
}
