//! Queries: read-only questions of operators about state that only the leading brain has.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::decision_inputs::DecisionInputs;
use super::explanation::Explanation;
use super::incident::Incident;
use super::overview::TargetOverview;
use crate::time::Timestamp;

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
    /// What explains the present place of each slice?
    Overview,
    /// What has happened since an incident that the caller knows?
    Incidents {
        /// The number of the last known incident; 0 for none.
        after: u64,
    },
}

/// The reply to the query of the same name.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "named after the queries")]
pub enum QueryReply {
    Explanation(Explanation),
    DecisionInputs(Box<DecisionInputs>),
    Overview(Box<TargetOverview>),
    /// The incidents, oldest first, and the time of the reply.
    Incidents {
        incidents: Vec<Arc<Incident>>,
        now: Timestamp,
    },
}
