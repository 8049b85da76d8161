//! Queries: read-only questions of operators about state that only the leading brain has.

use serde::{Deserialize, Serialize};

use super::decision_inputs::DecisionInputs;
use super::explanation::Explanation;

/// The number of one query, unique for each brain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct QueryId(pub u64);

/// A query; answering it changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Query {
    /// Why were the last decisions made, and what delays the next one?
    Explain {
        /// The most decisions to return.
        last: usize,
    },
    /// What would a decision depend on now?
    DecisionInputs,
}

/// The reply to the query of the same name.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "named after the queries")]
pub enum QueryReply {
    Explanation(Explanation),
    DecisionInputs(Box<DecisionInputs>),
}
