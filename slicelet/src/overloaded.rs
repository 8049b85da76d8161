//! The error of requests that the object store cannot serve in time.

use std::time::Duration;

use thiserror::Error;
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Code, Status};

/// The object store is overloaded and would not serve the request before its deadline. Nothing was done: retry later. As a
/// [`Status`] it is `RESOURCE_EXHAUSTED`, with the retry time in the header that gRPC clients with a retry policy read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the object store is overloaded, retry in {} ms", .retry_after.as_millis())]
pub struct Overloaded {
    /// The time after which the request would have been admitted.
    pub retry_after: Duration,
}

/// The header with the milliseconds to wait before a retry (gRFC A6, "gRPC Retry Design").
const PUSHBACK_KEY: &str = "grpc-retry-pushback-ms";

impl From<Overloaded> for Status {
    fn from(overloaded: Overloaded) -> Status {
        let millis = u64::try_from(overloaded.retry_after.as_millis()).unwrap_or(u64::MAX);
        let mut metadata = MetadataMap::new();
        metadata.insert(PUSHBACK_KEY, MetadataValue::from(millis));
        Status::with_metadata(Code::ResourceExhausted, overloaded.to_string(), metadata)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_carries_the_retry_time() {
        let status = Status::from(Overloaded {
            retry_after: Duration::from_millis(250),
        });
        assert_eq!(status.code(), Code::ResourceExhausted);
        assert_eq!(status.message(), "the object store is overloaded, retry in 250 ms");
        assert_eq!(status.metadata().get(PUSHBACK_KEY).unwrap(), "250");
    }
}
