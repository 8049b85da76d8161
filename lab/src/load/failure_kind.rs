//! The kinds of failed requests.

use std::error::Error;

use emberkeep_clerk::ClerkError;
use tonic::{Code, Status};

/// The clerk's reason if there is one, else the code of the pod's status.
pub(super) fn kind_of(status: &Status) -> &'static str {
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
