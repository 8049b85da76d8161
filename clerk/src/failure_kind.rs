//! The kinds of failed requests, for counters.

use crate::ClerkError;

/// Why a request failed without an answer of a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FailureKind {
    /// The key or the body was invalid.
    Rejected,
    /// There was no assignment, or the slice had no owner.
    NoOwner,
    /// The limit of waiting requests was reached.
    TooManyWaiting,
    /// The pod was unreachable and did not receive the request.
    Unreachable,
    /// The connection broke before the answer.
    Broken,
    /// The deadline passed before the answer.
    DeadlineExceeded,
}

impl FailureKind {
    pub(crate) const ALL: [Self; 6] = [
        Self::Rejected,
        Self::NoOwner,
        Self::TooManyWaiting,
        Self::Unreachable,
        Self::Broken,
        Self::DeadlineExceeded,
    ];

    pub(crate) const fn of(error: &ClerkError) -> Self {
        match error {
            ClerkError::BadName(_)
            | ClerkError::BadAddress(_)
            | ClerkError::NoSources
            | ClerkError::KeyTooLong(_)
            | ClerkError::BodyTooLarge { .. }
            | ClerkError::BodyFailed(_) => Self::Rejected,
            ClerkError::NoAssignment | ClerkError::NoOwner { .. } => Self::NoOwner,
            ClerkError::TooManyWaiting { .. } => Self::TooManyWaiting,
            ClerkError::Unreachable { .. } => Self::Unreachable,
            ClerkError::Broken { .. } => Self::Broken,
            ClerkError::DeadlineExceeded { .. } => Self::DeadlineExceeded,
        }
    }

    /// The value of the label `reason`.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Rejected => "rejected",
            Self::NoOwner => "no_owner",
            Self::TooManyWaiting => "too_many_waiting",
            Self::Unreachable => "unreachable",
            Self::Broken => "broken",
            Self::DeadlineExceeded => "deadline_exceeded",
        }
    }
}
