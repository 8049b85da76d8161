//! Decides which requests are observed, and reports their ends.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use emberkeep_core::assignment::Generation;
use emberkeep_core::target::TargetName;
use emberkeep_runtime::request_span;
use emberkeep_runtime::trace_context::{grpc_status, trace_id};
use http::HeaderMap;
use tracing::Span;
use tracing::field::Empty;

use super::notes::RequestNotes;

/// The paths of the services that Emberkeep adds to a pod: they begin no trace, and are not logged.
const OWN_PATHS: &str = "/emberkeep.v1.";

/// Chooses the requests of one pod that have a span or a log line.
#[derive(Debug)]
pub(crate) struct RequestObserver {
    target: TargetName,
    pod: String,
    /// One request in so many is logged; 0 for none.
    logs_one_in: u64,
    ordinal: AtomicU64,
}

/// A request that is observed.
#[derive(Debug)]
pub(super) struct ObservedRequest {
    /// Disabled if the request is only logged.
    pub(super) span: Span,
    is_logged: bool,
    method: String,
}

impl RequestObserver {
    pub(crate) const fn new(target: TargetName, pod: String, logs_one_in: u64) -> Self {
        Self {
            target,
            pod,
            logs_one_in,
            ordinal: AtomicU64::new(0),
        }
    }

    /// `None` for a request that has neither a span nor a log line.
    pub(super) fn observe(&self, method: &str, headers: &HeaderMap) -> Option<ObservedRequest> {
        let is_own = method.starts_with(OWN_PATHS);
        if is_own && !headers.contains_key("traceparent") {
            return None;
        }
        let is_logged = !is_own && self.logs_next();
        let span = self.span(method, headers);
        (is_logged || !span.is_disabled()).then(|| ObservedRequest {
            span,
            is_logged,
            method: method.to_owned(),
        })
    }

    /// Reports the end of a request, with the headers of its answer if the service gave one.
    pub(super) fn on_ended(
        &self,
        request: &ObservedRequest,
        notes: &RequestNotes,
        answer: Option<&HeaderMap>,
        took: Duration,
    ) {
        let status = answer.map(|headers| grpc_status(headers).unwrap_or("0"));
        let slice = notes.slice.as_ref().map(ToString::to_string);
        let epoch = notes.epoch.map(Generation::number);
        let warmth = notes
            .slice
            .as_ref()
            .map(|_| if notes.was_cold { "cold" } else { "warm" });
        let span = &request.span;
        span.record("slice", slice.as_deref());
        span.record("epoch", epoch);
        span.record("warmth", warmth);
        span.record("grpc_status", status);
        if !request.is_logged {
            return;
        }
        tracing::info!(
            target = %self.target,
            pod = self.pod,
            method = request.method,
            slice,
            epoch,
            warmth,
            status,
            duration_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            trace_id = trace_id(span),
            "request"
        );
    }

    fn span(&self, method: &str, headers: &HeaderMap) -> Span {
        request_span!(
            headers,
            "emberkeep.request",
            otel.kind = "server",
            target = %self.target,
            pod = self.pod,
            method,
            slice = Empty,
            epoch = Empty,
            warmth = Empty,
            grpc_status = Empty,
        )
    }

    /// The ordinal is multiplied by the golden ratio, so that no regular pattern of requests coincides with the sampling.
    fn logs_next(&self) -> bool {
        if self.logs_one_in == 0 {
            return false;
        }
        let ordinal = self.ordinal.fetch_add(1, Relaxed);
        ordinal.wrapping_mul(0x9e37_79b9_7f4a_7c15) <= u64::MAX / self.logs_one_in
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_request_in_so_many_is_logged() {
        let logged = |one_in| {
            let observer = RequestObserver::new(TargetName::try_new("t").unwrap(), "pod".to_owned(), one_in);
            (0..10_000).filter(|_| observer.logs_next()).count()
        };
        assert_eq!(logged(0), 0);
        assert_eq!(logged(1), 10_000);
        assert!((95..=105).contains(&logged(100)), "{}", logged(100));
    }
}
