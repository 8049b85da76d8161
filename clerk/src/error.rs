//! What can go wrong, in the words of whoever called.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use emberkeep_core::assignment::Generation;
use emberkeep_core::keyspace::{KeyTooLong, Slice};
use emberkeep_core::name::NameError;
use emberkeep_core::pod::PodAddress;
use emberkeep_runtime::channel::BadAddress;
use thiserror::Error;
use tonic::{Code, Status};

/// Why a clerk could not be made, or a request got no answer from a pod.
///
/// What pods answer, errors too, is passed on as it is. A [`Status`] made from this has it as its source.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ClerkError {
    /// The target's name or the address of a seed pod is not allowed: correct the configuration.
    #[error(transparent)]
    BadName(#[from] NameError),
    /// A source of assignments has an address that cannot be called: correct the configuration.
    #[error(transparent)]
    BadAddress(#[from] BadAddress),
    /// There is nobody to ask for the assignment: name an assigner, a slicelet or a seed pod.
    #[error("a clerk needs at least one address of an assigner, a slicelet or a seed pod")]
    NobodyToAsk,
    /// The key is too long: use a shorter one.
    #[error(transparent)]
    KeyTooLong(#[from] KeyTooLong),
    /// The request is too large to be kept for another attempt: send less, or mark it as streaming.
    #[error(
        "the request body is over the limit of {limit} bytes that are kept for a retry: mark the call as streaming"
    )]
    BodyTooLarge {
        /// The most bytes that are kept.
        limit: usize,
    },
    /// The caller's own stream of requests failed.
    #[error("the request body could not be read: {0}")]
    BodyFailed(#[source] Status),
    /// No assignment has come yet. Nothing was sent: try again later.
    #[error("no assignment has come yet, from none of the sources")]
    NoAssignment,
    /// No pod serves the key. Nothing was sent: try again later.
    #[error("slice {slice} has no serving owner at generation {generation}")]
    NoOwner {
        /// The slice that holds the key.
        slice: Slice,
        /// The newest generation that is known.
        generation: Generation,
    },
    /// As many requests wait already as may. Nothing was sent: call less often, and try again later.
    #[error("{limit} requests wait for a pod already: {reason}")]
    TooManyWaiting {
        /// How many may wait.
        limit: usize,
        /// What this one would have waited for.
        reason: Box<ClerkError>,
    },
    /// The pod could not be reached. It never got the request: try again later.
    #[error("the pod at {address} cannot be reached: {reason}")]
    Unreachable {
        /// Where it was called.
        address: PodAddress,
        /// What the transport says.
        reason: String,
    },
    /// The connection broke before there was an answer. The pod may have done what was asked: find out before asking
    /// again, or mark requests as idempotent that may be repeated.
    #[error("the connection to the pod at {address} broke, the request may have been processed: {reason}")]
    Broken {
        /// Where it was called.
        address: PodAddress,
        /// What the transport says.
        reason: String,
    },
    /// The time is over. The request may have been processed, or may still be.
    #[error("no answer came within the deadline of {deadline:?}")]
    DeadlineExceeded {
        /// How long the request was allowed to take.
        deadline: Duration,
    },
}

impl ClerkError {
    /// The code that gRPC has for it.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::BadName(_) | Self::BadAddress(_) | Self::NobodyToAsk | Self::KeyTooLong(_) => Code::InvalidArgument,
            Self::BodyTooLarge { .. } | Self::TooManyWaiting { .. } => Code::ResourceExhausted,
            Self::BodyFailed(status) => status.code(),
            Self::NoAssignment | Self::NoOwner { .. } | Self::Unreachable { .. } | Self::Broken { .. } => {
                Code::Unavailable
            }
            Self::DeadlineExceeded { .. } => Code::DeadlineExceeded,
        }
    }

    /// Whether another assignment may help, so that waiting for one makes sense.
    pub(crate) const fn may_pass(&self) -> bool {
        matches!(self, Self::NoAssignment | Self::NoOwner { .. })
    }
}

impl From<ClerkError> for Status {
    fn from(error: ClerkError) -> Self {
        let mut status = Status::new(error.code(), error.to_string());
        let source: Arc<dyn Error + Send + Sync> = Arc::new(error);
        status.set_source(source);
        status
    }
}
