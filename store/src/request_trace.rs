//! The span of one request to a store.

use tracing::field::Empty;
use tracing::{Instrument, Span, debug_span};

use crate::{ETag, Page, Read, StoreError};

/// The `tracing` target of spans that are recorded below a recorded span only: `PART_OF_TRACE` of
/// `emberkeep-runtime`, which this crate does not depend on.
const PART_OF_TRACE: &str = "emberkeep::trace";

/// The kind of a request to a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StoreOperation {
    Get,
    Put,
    List,
    Delete,
}

/// A result that a span describes.
pub(crate) trait TracedResult {
    /// The value of the field `outcome`.
    fn outcome(&self) -> &'static str;

    /// The bytes that were read.
    fn size(&self) -> Option<usize>;
}

/// Runs a request in a span of its own. `size` is that of the content to be written. The object's name is not recorded,
/// because it contains the key.
pub(crate) async fn traced<T: TracedResult>(
    operation: StoreOperation,
    location: &str,
    size: Option<usize>,
    request: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let span = debug_span!(
        target: PART_OF_TRACE,
        "emberkeep.store",
        otel.kind = "client",
        otel.status_code = Empty,
        operation = operation.label(),
        location,
        object_bytes = size,
        attempts = Empty,
        outcome = Empty,
    );
    let result = request.instrument(span.clone()).await;
    record(&span, &result);
    result
}

fn record<T: TracedResult>(span: &Span, result: &Result<T, StoreError>) {
    match result {
        Ok(result) => {
            span.record("outcome", result.outcome());
            if let Some(size) = result.size() {
                span.record("object_bytes", size);
            }
        }
        // An outcome that a writer expects, and retries.
        Err(StoreError::PreconditionFailed { .. }) => {
            span.record("outcome", "precondition_failed");
        }
        Err(error) => {
            let outcome = if error.is_retryable() { "unavailable" } else { "failed" };
            span.record("outcome", outcome);
            span.record("otel.status_code", "ERROR");
        }
    }
}

impl StoreOperation {
    const fn label(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Put => "put",
            Self::List => "list",
            Self::Delete => "delete",
        }
    }
}

impl TracedResult for Read {
    fn outcome(&self) -> &'static str {
        match self {
            Self::Found(_) => "found",
            Self::NotModified => "not_modified",
            Self::Missing => "missing",
        }
    }

    fn size(&self) -> Option<usize> {
        match self {
            Self::Found(object) => Some(object.bytes.len()),
            Self::NotModified | Self::Missing => None,
        }
    }
}

impl TracedResult for ETag {
    fn outcome(&self) -> &'static str {
        "written"
    }

    fn size(&self) -> Option<usize> {
        None
    }
}

impl TracedResult for Page {
    fn outcome(&self) -> &'static str {
        "listed"
    }

    fn size(&self) -> Option<usize> {
        None
    }
}

impl TracedResult for () {
    fn outcome(&self) -> &'static str {
        "deleted"
    }

    fn size(&self) -> Option<usize> {
        None
    }
}
