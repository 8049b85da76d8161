//! The cause of the end of a source's watch.

use emberkeep_proto::convert::InvalidMessage;
use thiserror::Error;
use tokio::time::error::Elapsed;
use tonic::Status;

use super::NeedsFull;
use crate::channel::BadAddress;

/// The cause of the end of a source's watch.
#[derive(Debug, Error)]
pub(super) enum WatchError {
    #[error(transparent)]
    BadAddress(#[from] BadAddress),
    #[error("no answer within the timeout")]
    TimedOut(#[from] Elapsed),
    #[error("rejected with {}: {}", .0.code(), .0.message())]
    Rejected(#[from] Status),
    #[error("the source ended the watch")]
    Ended,
    #[error("invalid message: {0}")]
    Invalid(#[from] InvalidMessage),
    #[error("the full assignment is needed: {0}")]
    NeedsFull(#[from] NeedsFull),
    #[error("a newer generation exists than the source has delivered")]
    Stale,
}

impl WatchError {
    /// All values of [`WatchError::label`].
    pub(super) const LABELS: [&'static str; 7] = [
        "bad_address",
        "timed_out",
        "rejected",
        "ended",
        "invalid",
        "needs_full",
        "stale",
    ];

    /// The cause in one word, for metrics.
    pub(super) const fn label(&self) -> &'static str {
        match self {
            WatchError::BadAddress(_) => "bad_address",
            WatchError::TimedOut(_) => "timed_out",
            WatchError::Rejected(_) => "rejected",
            WatchError::Ended => "ended",
            WatchError::Invalid(_) => "invalid",
            WatchError::NeedsFull(_) => "needs_full",
            WatchError::Stale => "stale",
        }
    }
}
