//! What is wrong with a scenario.

use thiserror::Error;

/// A scenario that cannot be run: where, and why.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("line {line}: {fault}")]
pub struct ScenarioError {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub fault: ScenarioFault,
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ScenarioFault {
    /// A word that does not belong there.
    #[error("{found:?} is not understood here, write {allowed}")]
    Unexpected {
        /// The word, cut short.
        found: String,
        /// What may stand there.
        allowed: String,
    },
    /// The line ends too early.
    #[error("something is missing at the end, write {allowed}")]
    Missing {
        /// What may stand there.
        allowed: String,
    },
    /// The line goes on although all is said.
    #[error("the line should end before {found:?}")]
    TooMuch {
        /// The first word that is too much, cut short.
        found: String,
    },
    /// Something is said twice.
    #[error("{what} was said before, say it once")]
    Twice {
        /// What.
        what: &'static str,
    },
    /// Something is not said at all.
    #[error("the scenario does not say {what}, add a line as {example:?}")]
    Unsaid {
        /// What.
        what: &'static str,
        /// How it could be said.
        example: &'static str,
    },
    /// A pod that is not there at that time.
    #[error("there is no {pod} yet at that time, the pods are pod-0 to pod-{last}")]
    UnknownPod {
        /// Its name.
        pod: String,
        /// The number of the newest pod.
        last: u64,
    },
    /// Settings that the assigner would refuse.
    #[error("{0}")]
    Refused(String),
}
