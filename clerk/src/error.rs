//! The errors of a clerk.

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

/// A failure to build a clerk, or to get an answer from a pod.
///
/// Answers of pods, including errors, are passed to the caller unchanged. A [`Status`] made from a `ClerkError` has it
/// as its source.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ClerkError {
    /// The name of the target or the address of a seed pod is invalid: correct the configuration.
    #[error(transparent)]
    BadName(#[from] NameError),
    /// The address of a source of assignments is invalid: correct the configuration.
    #[error(transparent)]
    BadAddress(#[from] BadAddress),
    /// No source of assignments is configured: name an assigner, a slicelet or a seed pod.
    #[error("a clerk needs at least one address of an assigner, a slicelet or a seed pod")]
    NoSources,
    /// The slice key exceeds 512 bytes: use a shorter key.
    #[error(transparent)]
    KeyTooLong(#[from] KeyTooLong),
    /// The request body is too large to be buffered for a retry: send less, or mark the call as streaming.
    #[error("the request body exceeds the {limit} bytes that are buffered for a retry: mark the call as streaming")]
    BodyTooLarge {
        /// The largest body that is buffered, in bytes ([`ClerkSettings::body_size_max`](crate::ClerkSettings)).
        limit: usize,
    },
    /// The caller's request body returned an error.
    #[error("the request body cannot be read: {0}")]
    BodyFailed(#[source] Status),
    /// No source has delivered an assignment. Nothing was sent: try again later.
    #[error("no assignment received yet from any source")]
    NoAssignment,
    /// No pod serves the key. Nothing was sent: try again later.
    #[error("slice {slice} has no serving owner at generation {generation}")]
    NoOwner {
        /// The slice that holds the key.
        slice: Slice,
        /// The newest generation that the clerk has received.
        generation: Generation,
    },
    /// The maximum number of requests is waiting for a pod. Nothing was sent: call less often, and try again later.
    #[error("the limit of {limit} waiting requests is reached: {reason}")]
    TooManyWaiting {
        /// The maximum number of waiting requests ([`ClerkSettings::waiting_max`](crate::ClerkSettings)).
        limit: usize,
        /// The error of the last attempt, after which the request had to wait.
        reason: Box<ClerkError>,
    },
    /// The pod is unreachable and did not receive the request: try again later.
    #[error("the pod at {address} is unreachable: {reason}")]
    Unreachable {
        /// The address of the pod.
        address: PodAddress,
        /// The error of the transport.
        reason: String,
    },
    /// The connection broke before the answer. The pod may have processed the request: check before sending it again,
    /// or mark requests that may be repeated as idempotent.
    #[error("the connection to the pod at {address} broke, the request may have been processed: {reason}")]
    Broken {
        /// The address of the pod.
        address: PodAddress,
        /// The error of the transport.
        reason: String,
    },
    /// The deadline has passed. The request may have been processed, or may still be.
    #[error("no answer within the deadline of {deadline:?}")]
    DeadlineExceeded {
        /// The time allowed for the request, all attempts together.
        deadline: Duration,
    },
}

impl ClerkError {
    /// The gRPC status code of this error.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::BadName(_) | Self::BadAddress(_) | Self::NoSources | Self::KeyTooLong(_) => Code::InvalidArgument,
            Self::BodyTooLarge { .. } | Self::TooManyWaiting { .. } => Code::ResourceExhausted,
            Self::BodyFailed(status) => status.code(),
            Self::NoAssignment | Self::NoOwner { .. } | Self::Unreachable { .. } | Self::Broken { .. } => {
                Code::Unavailable
            }
            Self::DeadlineExceeded { .. } => Code::DeadlineExceeded,
        }
    }

    /// Whether a newer assignment may resolve the error, so that the request waits for one.
    pub(crate) const fn is_transient(&self) -> bool {
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
