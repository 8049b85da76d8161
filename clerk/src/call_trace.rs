//! The spans of a call and its attempts. Keys are not recorded, because they may be secret; their hash is.

use emberkeep_core::keyspace::SliceKey;
use emberkeep_core::target::KeyMode;
use emberkeep_runtime::trace_context::{self, PART_OF_TRACE};
use emberkeep_runtime::{request_span, trace_context::grpc_status};
use tonic::body::Body;
use tracing::field::Empty;
use tracing::{Instrument, Span, debug_span};

use crate::ClerkError;
use crate::attempt_outcome::AttemptOutcome;
use crate::clerk_state::ClerkState;
use crate::failure_kind::FailureKind;
use crate::outgoing_request::OutgoingRequest;
use crate::peer::Peer;

/// The span of a call; disabled unless the call is sampled. The request gets its trace context, for the first attempt.
pub(crate) fn begin_call(clerk: &ClerkState, key: &[u8], request: &mut OutgoingRequest) -> Span {
    let span = request_span!(
        request.headers(),
        "emberkeep.call",
        otel.kind = "client",
        otel.status_code = Empty,
        target = %clerk.target,
        method = request.path(),
        key_hash = key_hash(key),
        generation = clerk.directory.generation().number(),
        attempts = Empty,
        outcome = Empty,
        grpc_status = Empty,
    );
    if span.is_disabled() {
        trace_context::inject(&span, request.headers_mut());
    }
    span
}

/// Records the result of the call in its span.
pub(crate) fn end_call(span: &Span, request: &OutgoingRequest, result: &Result<http::Response<Body>, ClerkError>) {
    span.record("attempts", request.attempt_count());
    match result {
        Ok(answer) => {
            span.record("outcome", "answered");
            record_status(span, answer);
        }
        Err(error) => {
            span.record("outcome", FailureKind::of(error).label());
            span.record("otel.status_code", "ERROR");
        }
    }
}

/// Sends one attempt in a span of its own, whose context the request carries.
pub(crate) async fn in_attempt(
    request: &mut OutgoingRequest,
    peer: &Peer,
    send: impl AsyncFnOnce(&mut OutgoingRequest) -> AttemptOutcome,
) -> AttemptOutcome {
    let span = debug_span!(
        target: PART_OF_TRACE,
        "emberkeep.attempt",
        otel.status_code = Empty,
        number = request.attempt_count() + 1,
        address = peer.address().as_str(),
        pod = peer.pod().map(|pod| pod.name.as_str()),
        outcome = Empty,
        grpc_status = Empty,
    );
    trace_context::inject(&span, request.headers_mut());
    let outcome = send(request).instrument(span.clone()).await;
    span.record("outcome", outcome.label());
    match outcome.answer() {
        Some(answer) => record_status(&span, answer),
        None => {
            span.record("otel.status_code", "ERROR");
        }
    }
    outcome
}

/// The status is known only if the answer has no message, as errors have none.
fn record_status(span: &Span, answer: &http::Response<Body>) {
    if let Some(status) = grpc_status(answer.headers()) {
        span.record("grpc_status", status);
    }
}

/// The XXH64 of the key, as the slice key of a hashed target.
fn key_hash(key: &[u8]) -> Option<String> {
    let hash = SliceKey::of(key, KeyMode::Hashed);
    hash.ok().map(|hash| hash.to_string())
}
