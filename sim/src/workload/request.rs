//! A recorded request: its time, key and cost.

use std::sync::Arc;

/// One row of a request trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// In milliseconds since the trace began.
    pub at_ms: u64,
    /// The application key of the request.
    pub key: Arc<str>,
    /// The cost to the key's owner, in thousandths of a load unit; never 0.
    pub load_milli: u64,
}
