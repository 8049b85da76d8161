//! W3C trace context: the span that continues a request, and the headers that carry a span to the next process.
//!
//! All spans have one of three `tracing` targets, by which a filter decides whether they are recorded, before they cost
//! anything. Without a filter that names the targets, no span exists: their level is DEBUG.
//!
//! ```text
//! request with a sampled traceparent ----> ALWAYS_RECORDED --+
//! request without traceparent --one in N-> MAY_BEGIN_TRACE --+--> child spans: PART_OF_TRACE
//! decision, pull, admin call ------------> ALWAYS_RECORDED --+
//! ```

#[cfg(feature = "otlp")]
mod propagation;
pub(crate) mod targets;
#[cfg(not(feature = "otlp"))]
mod unpropagated;

use http::HeaderMap;
use tracing::Span;

#[cfg(feature = "otlp")]
use self::propagation as headers;
pub use self::targets::{ALWAYS_RECORDED, MAY_BEGIN_TRACE, PART_OF_TRACE};
#[cfg(not(feature = "otlp"))]
use self::unpropagated as headers;

/// The span of a request with these headers: a child of the span that they name, or one that begins a trace. Disabled
/// if the sender decided not to sample the request. Invalid headers count as absent ones.
///
/// `begins` makes the span that begins a trace, `continues` the one that is part of the sender's, with the target
/// [`ALWAYS_RECORDED`].
pub fn span_of_request(headers: &HeaderMap, begins: impl FnOnce() -> Span, continues: impl FnOnce() -> Span) -> Span {
    headers::span_of_request(headers, begins, continues)
}

/// The span that `begins` makes, if it is part of a trace, or the present [`TraceFilter`](crate::telemetry::TraceFilter)
/// samples it; without a filter, the subscriber decides.
pub fn sampled(begins: impl FnOnce() -> Span) -> Span {
    headers::sampled(begins)
}

/// Writes the span's trace context to the headers of an outgoing request, over an older one. For a disabled span it is
/// that of the present span; without one, headers that carry a trace context are unchanged, and others get the decision
/// of a [`TraceFilter`](crate::telemetry::TraceFilter) not to sample the request.
pub fn inject(span: &Span, headers: &mut HeaderMap) {
    headers::inject(span, headers);
}

/// The id of the trace that contains the span, in hexadecimal; `None` for a span that is not part of a trace.
#[must_use]
pub fn trace_id(span: &Span) -> Option<String> {
    headers::trace_id(span)
}

/// The status in the headers of a gRPC answer; answers with a message have it in their trailers.
#[must_use]
pub fn grpc_status(headers: &HeaderMap) -> Option<&str> {
    headers.get("grpc-status")?.to_str().ok()
}

/// A span of a request, as [`span_of_request`] makes it: the headers, the span's name, and its fields.
#[macro_export]
macro_rules! request_span {
    ($headers:expr, $name:literal, $($fields:tt)*) => {
        $crate::trace_context::span_of_request(
            $headers,
            || {
                $crate::trace_context::sampled(
                    || ::tracing::debug_span!(target: $crate::trace_context::MAY_BEGIN_TRACE, $name, $($fields)*),
                )
            },
            || ::tracing::debug_span!(target: $crate::trace_context::ALWAYS_RECORDED, $name, $($fields)*),
        )
    };
}
