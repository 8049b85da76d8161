//! The errors of starting a member.

use std::io;
use std::path::PathBuf;

use emberkeep_runtime::serve::BindError;
use thiserror::Error;

use crate::raft::RaftError;

/// A failure to start a member.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AssignerError {
    /// A listen address is unavailable: free it, or choose another one.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// Raft did not start: the message names the remedy.
    #[error(transparent)]
    Raft(#[from] RaftError),
    /// The recording file cannot be created: choose another path.
    #[error("cannot write the recording {}: {error}", .path.display())]
    Record {
        /// The path of [`AssignerConfig::record`](crate::AssignerConfig).
        path: PathBuf,
        /// The error of the file system.
        error: io::Error,
    },
}

impl AssignerError {
    /// Whether the operator has to change the configuration; otherwise the machine or the data is at fault.
    #[must_use]
    pub fn is_bad_input(&self) -> bool {
        match self {
            AssignerError::Bind(_) | AssignerError::Record { .. } => true,
            AssignerError::Raft(error) => error.is_bad_input(),
        }
    }
}
