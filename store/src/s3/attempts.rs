//! Tracks whether an attempt of a request may have been applied although its outcome is unknown.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use aws_sdk_s3::config::interceptors::FinalizerInterceptorContextRef;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use tracing::Span;

/// Observes the attempts of one request; clones share the record.
#[derive(Clone, Debug)]
pub(super) struct AttemptTracker(Arc<Attempts>);

#[derive(Debug)]
struct Attempts {
    is_unclear: AtomicBool,
    count: AtomicU32,
    /// The span of the request.
    span: Span,
}

impl AttemptTracker {
    /// A tracker for the request of the present span.
    pub(super) fn new() -> Self {
        Self(Arc::new(Attempts {
            is_unclear: AtomicBool::new(false),
            count: AtomicU32::new(0),
            span: Span::current(),
        }))
    }

    /// Whether an attempt ended with an unknown outcome.
    pub(super) fn may_have_been_applied(&self) -> bool {
        self.0.is_unclear.load(Ordering::Relaxed)
    }
}

impl Intercept for AttemptTracker {
    fn name(&self) -> &'static str {
        "attempt tracker"
    }

    fn read_after_attempt(
        &self,
        attempt: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let status = attempt.response().map(|response| response.status().as_u16());
        if is_unclear(status) {
            self.0.is_unclear.store(true, Ordering::Relaxed);
        }
        let count = self.0.count.fetch_add(1, Ordering::Relaxed) + 1;
        self.0.span.record("attempts", count);
        Ok(())
    }
}

/// No reply, or a server error. 503 is clear: S3 sends it before it executes a request.
fn is_unclear(status: Option<u16>) -> bool {
    match status {
        None => true,
        Some(503) => false,
        Some(status) => status >= 500,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_definite_reply_tells_the_outcome() {
        for status in [None, Some(500), Some(502), Some(504)] {
            assert!(is_unclear(status), "{status:?}");
        }
        for status in [200, 404, 409, 412, 429, 503] {
            assert!(!is_unclear(Some(status)), "{status}");
        }
    }
}
