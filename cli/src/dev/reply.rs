//! What came of one request.

use std::error::Error;
use std::time::Duration;

use emberkeep_clerk::ClerkError;
use tonic::{Code, Status};

/// One request and its end. Times count from the start of the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    /// The key's place in the trace's list of keys.
    pub(crate) key: usize,
    /// When the request should have been sent.
    pub(crate) due: Duration,
    /// When it ended.
    pub(crate) at: Duration,
    pub(crate) outcome: Outcome,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The value that the key must give.
    Right { was_warm: bool },
    /// Another value.
    Wrong,
    /// No value.
    Failed { kind: &'static str },
}

impl Reply {
    /// How long the answer took, counted from when the request was due, so that a stall of the sender is not hidden.
    pub(crate) const fn latency(&self) -> Duration {
        self.at.saturating_sub(self.due)
    }
}

/// The kind of a failure: the clerk's reason where it has one, else the code that the pod answered with.
pub(crate) fn kind_of(status: &Status) -> &'static str {
    let reason = status.source().and_then(|source| source.downcast_ref::<ClerkError>());
    match reason {
        Some(ClerkError::NoAssignment) => "no_assignment",
        Some(ClerkError::NoOwner { .. }) => "no_owner",
        Some(ClerkError::TooManyWaiting { .. }) => "too_many_waiting",
        Some(ClerkError::Unreachable { .. }) => "unreachable",
        Some(ClerkError::Broken { .. }) => "broken",
        Some(_) | None => name_of(status.code()),
    }
}

const fn name_of(code: Code) -> &'static str {
    match code {
        Code::Ok => "ok",
        Code::Cancelled => "cancelled",
        Code::Unknown => "unknown",
        Code::InvalidArgument => "invalid_argument",
        Code::DeadlineExceeded => "deadline_exceeded",
        Code::NotFound => "not_found",
        Code::AlreadyExists => "already_exists",
        Code::PermissionDenied => "permission_denied",
        Code::ResourceExhausted => "resource_exhausted",
        Code::FailedPrecondition => "failed_precondition",
        Code::Aborted => "aborted",
        Code::OutOfRange => "out_of_range",
        Code::Unimplemented => "unimplemented",
        Code::Internal => "internal",
        Code::Unavailable => "unavailable",
        Code::DataLoss => "data_loss",
        Code::Unauthenticated => "unauthenticated",
    }
}
