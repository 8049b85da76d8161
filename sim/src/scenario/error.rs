//! Errors in the text of a scenario.

use thiserror::Error;

/// The first error in a scenario, with its line.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("line {line}: {fault}")]
pub struct ScenarioError {
    /// The line, counted from 1.
    pub line: usize,
    /// The error on that line.
    pub fault: ScenarioFault,
}

/// An error on a line; the message states what is allowed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[allow(missing_docs, reason = "the messages name the fields")]
pub enum ScenarioFault {
    /// A word that is not allowed at this place.
    #[error("unexpected {found:?}, expected {allowed}")]
    Unexpected { found: String, allowed: String },
    /// The line ends too early.
    #[error("unexpected end of line, expected {allowed}")]
    Missing { allowed: String },
    /// Words follow a complete line.
    #[error("unexpected {found:?}, expected the end of the line")]
    TrailingWord { found: String },
    /// A setting occurs twice.
    #[error("duplicate {what}, it may be set only once")]
    Duplicate { what: &'static str },
    /// A required line is missing.
    #[error("the scenario does not set {what}, add a line such as {example:?}")]
    NotSet { what: &'static str, example: &'static str },
    /// A pod that does not exist at that time.
    #[error("{pod} does not exist at that time, the pods are pod-0 to pod-{last}")]
    UnknownPod { pod: String, last: u64 },
    /// Settings that the assigner would reject, or operations beyond a limit.
    #[error("{0}")]
    Refused(String),
}
