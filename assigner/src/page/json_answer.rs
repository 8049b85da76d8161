//! Answers in JSON, which no cache keeps.

use axum::http::{HeaderName, header};
use axum::response::{IntoResponse, Response};

const HEADERS: [(HeaderName, &str); 2] = [
    (header::CONTENT_TYPE, "application/json"),
    (header::CACHE_CONTROL, "no-store"),
];

/// The answer with this JSON text.
pub(super) fn json_answer(text: String) -> Response {
    (HEADERS, text).into_response()
}
