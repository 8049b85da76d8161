//! The failure of a command: its message and exit code.

use std::fmt::Display;
use std::process::ExitCode;

use emberkeep_lab::LabError;

/// One sentence, by the cause to correct.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct CommandError(LabError);

impl CommandError {
    /// The input has to be corrected.
    pub(crate) fn bad_input(sentence: impl Display) -> Self {
        Self(LabError::bad_input(sentence))
    }

    /// A process, the network or the cluster failed.
    pub(crate) fn failed(sentence: impl Display) -> Self {
        Self(LabError::failed(sentence))
    }

    /// Prints the sentence on standard error; returns the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        eprintln!("error: {}", self.0);
        ExitCode::from(match self.0 {
            LabError::Failed(_) => 1,
            // The code with which clap ends on unknown flags, too.
            LabError::BadInput(_) => 2,
        })
    }
}

impl<E: Into<LabError>> From<E> for CommandError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}
