//! The failure of a command: its message and exit code.

use std::fmt::Display;
use std::process::ExitCode;

use emberkeep_assigner::{AdminError, AssignerError};
use emberkeep_lab::LabError;

/// One sentence, by the cause to correct.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum CommandError {
    /// The input has to be corrected.
    BadInput(String),
    /// A process, the network or the cluster failed.
    Failed(String),
}

impl CommandError {
    pub(crate) fn bad_input(sentence: impl Display) -> Self {
        Self::BadInput(sentence.to_string())
    }

    pub(crate) fn failed(sentence: impl Display) -> Self {
        Self::Failed(sentence.to_string())
    }

    /// Prints the sentence on standard error; returns the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        let (sentence, code) = match self {
            Self::BadInput(sentence) => (sentence, Self::BAD_INPUT),
            Self::Failed(sentence) => (sentence, Self::FAILED),
        };
        eprintln!("error: {sentence}");
        ExitCode::from(code)
    }

    const FAILED: u8 = 1;
    /// The code with which clap ends on unknown flags, too.
    const BAD_INPUT: u8 = 2;
}

impl From<LabError> for CommandError {
    fn from(error: LabError) -> Self {
        match error {
            LabError::BadInput(sentence) => Self::BadInput(sentence),
            LabError::Failed(sentence) => Self::Failed(sentence),
        }
    }
}

impl From<AdminError> for CommandError {
    fn from(error: AdminError) -> Self {
        match error.is_bad_input() {
            true => Self::bad_input(error),
            false => Self::failed(error),
        }
    }
}

impl From<AssignerError> for CommandError {
    fn from(error: AssignerError) -> Self {
        match error.is_bad_input() {
            true => Self::bad_input(error),
            false => Self::failed(error),
        }
    }
}
