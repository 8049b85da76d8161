//! Tracks whether an attempt of a request may have been applied although its outcome is unknown.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_sdk_s3::config::interceptors::FinalizerInterceptorContextRef;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;

/// Observes the attempts of one request; clones share the record.
#[derive(Clone, Debug, Default)]
pub(super) struct AttemptTracker(Arc<AtomicBool>);

impl AttemptTracker {
    /// Whether an attempt ended with an unknown outcome.
    pub(super) fn may_have_been_applied(&self) -> bool {
        self.0.load(Ordering::Relaxed)
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
            self.0.store(true, Ordering::Relaxed);
        }
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
