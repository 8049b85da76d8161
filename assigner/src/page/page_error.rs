//! A request of the page that fails: a status code, and one sentence for the person who sees it.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use thiserror::Error;

use super::json_answer::json_answer;

/// Why a request of the page failed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(super) enum PageError {
    /// The request is malformed, or names something invalid.
    #[error("{0}")]
    BadInput(String),
    /// The target or the pod does not exist.
    #[error("{0}")]
    NotFound(String),
    /// The cluster is in a state that forbids the change.
    #[error("{0}")]
    Conflict(String),
    /// Buttons are not enabled, or the request came from another site.
    #[error("{0}")]
    Forbidden(String),
    /// Too many viewers, or no leader answers: a later request may succeed.
    #[error("{0}")]
    Unavailable(String),
}

impl PageError {
    const fn status(&self) -> StatusCode {
        match self {
            Self::BadInput(_) => StatusCode::BAD_REQUEST,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let body = json!({ "error": self.to_string() }).to_string();
        (self.status(), json_answer(body)).into_response()
    }
}
