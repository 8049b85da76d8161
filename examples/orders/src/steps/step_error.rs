//! The failure of a call to an outside service.

use thiserror::Error;

/// Why a call to an outside service failed, which decides whether it is retried.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StepError {
    /// Retried with the same idempotency key, after the delays of [`Retries`](super::Retries). The call may have taken effect.
    #[error("{0}")]
    Transient(String),
    /// Never retried: the service rejects the call permanently and it has no effect. Completed steps are undone at once.
    #[error("{0}")]
    Rejected(String),
}
