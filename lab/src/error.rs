//! Errors of the lab, and of the commands that use it, by the cause to correct.

use std::fmt::Display;

use emberkeep_assigner::{AdminError, AssignerError};
use emberkeep_runtime::free_port::NoFreePort;
use emberkeep_slicelet::SliceletError;
use emberkeep_store::StoreError;

/// A failed step of a run, as one sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LabError {
    /// The input has to be corrected: a setting, a file, a store that cannot be used.
    #[error("{0}")]
    BadInput(String),
    /// Anything else: a process that ended, a deadline that passed.
    #[error("{0}")]
    Failed(String),
}

impl LabError {
    /// An error in the input, described by this sentence.
    pub fn bad_input(sentence: impl Display) -> Self {
        Self::BadInput(sentence.to_string())
    }

    /// Any other failure, described by this sentence.
    pub fn failed(sentence: impl Display) -> Self {
        Self::Failed(sentence.to_string())
    }

    fn by_cause(error: &dyn Display, is_bad_input: bool) -> Self {
        match is_bad_input {
            true => Self::bad_input(error),
            false => Self::failed(error),
        }
    }
}

impl From<StoreError> for LabError {
    /// Bad input where another store, name or credential would help.
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::BadUrl { .. }
            | StoreError::BadName { .. }
            | StoreError::NotReachable { .. }
            | StoreError::NotSecure { .. }
            | StoreError::Refused { .. }
            | StoreError::NoSuchLocation { .. }
            | StoreError::NoConditionalWrites { .. }
            | StoreError::TooLarge { .. }
            | StoreError::OtherVersion { .. }
            | StoreError::CannotListen { .. } => Self::bad_input(error),
            _ => Self::failed(error),
        }
    }
}

impl From<NoFreePort> for LabError {
    fn from(error: NoFreePort) -> Self {
        Self::failed(error)
    }
}

impl From<SliceletError> for LabError {
    fn from(error: SliceletError) -> Self {
        match error {
            SliceletError::Signal(_) => Self::failed(error),
            _ => Self::bad_input(error),
        }
    }
}

impl From<AdminError> for LabError {
    fn from(error: AdminError) -> Self {
        Self::by_cause(&error, error.is_bad_input())
    }
}

impl From<AssignerError> for LabError {
    fn from(error: AssignerError) -> Self {
        Self::by_cause(&error, error.is_bad_input())
    }
}
