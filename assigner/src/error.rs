//! Why a member of the assigner does not start.

use std::io;
use std::path::PathBuf;

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
    /// The recording cannot be written there: choose another place.
    #[error("cannot write the recording {}: {error}", .path.display())]
    Record {
        /// Where.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
}

impl AssignerError {
    /// Whether whoever started it has to change something.
    #[must_use]
    pub fn is_bad_input(&self) -> bool {
        match self {
            AssignerError::Bind(_) | AssignerError::Record { .. } => true,
            AssignerError::Raft(error) => error.is_bad_input(),
        }
    }
}
