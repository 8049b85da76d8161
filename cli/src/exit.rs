//! How a command ends when it does not end well.

use std::fmt::Display;
use std::process::ExitCode;

/// One sentence for whoever ran the command, and whose turn it is to act.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The input has to be corrected.
    BadInput(String),
    /// Something else went wrong.
    Failed(String),
}

impl Failure {
    pub(crate) fn bad_input(sentence: impl Display) -> Self {
        Self::BadInput(sentence.to_string())
    }

    pub(crate) fn failed(sentence: impl Display) -> Self {
        Self::Failed(sentence.to_string())
    }

    /// Says it, and answers with the exit code that goes with it.
    pub(crate) fn report(&self) -> ExitCode {
        let (sentence, code) = match self {
            Self::BadInput(sentence) => (sentence, Self::BAD_INPUT),
            Self::Failed(sentence) => (sentence, Self::FAILED),
        };
        eprintln!("error: {sentence}");
        ExitCode::from(code)
    }

    const FAILED: u8 = 1;
    /// What clap answers to unknown flags, too.
    pub(crate) const BAD_INPUT: u8 = 2;
}
