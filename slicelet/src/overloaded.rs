//! What a request hears that the object store has no time for.

use std::time::Duration;

use thiserror::Error;
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Code, Status};

/// The object store could not be asked in time: nothing was done, try again later. As a [`Status`] it is
/// `RESOURCE_EXHAUSTED`, with the time to try again as gRPC clients with a retry policy understand it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the object store cannot be asked in time, try again in {} ms", .retry_after.as_millis())]
pub struct Overloaded {
    /// When it would have been asked at last.
    pub retry_after: Duration,
}

/// Where gRPC clients look for how many milliseconds to wait before they try again (gRFC A6, "gRPC Retry Design").
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
    fn a_client_is_told_when_to_try_again() {
        let status = Status::from(Overloaded {
            retry_after: Duration::from_millis(250),
        });
        assert_eq!(status.code(), Code::ResourceExhausted);
        assert_eq!(
            status.message(),
            "the object store cannot be asked in time, try again in 250 ms"
        );
        assert_eq!(status.metadata().get(PUSHBACK_KEY).unwrap(), "250");
    }
}
