//! The faults that are injected into requests, and the selection of those requests.

use std::time::Duration;

use http::{Method, Request};

/// A fault injected into one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpFault {
    /// Forwarded after this delay; for random faults, after a delay of at most this, drawn for each request.
    Delay(Duration),
    /// Not carried out, answered with 500 InternalError.
    InternalError,
    /// Not carried out, answered with 503 SlowDown.
    SlowDown,
    /// Not carried out, the connection is cut.
    CutBefore,
    /// Carried out, the connection is cut before the reply.
    CutAfter,
    /// Carried out, the connection is cut in the middle of the reply's body, or before the reply if the body is empty.
    CutBody,
    /// A read is answered with the older of the two newest versions that were read through this proxy. An object that was
    /// never read through it has none, so the request is forwarded.
    StaleRead,
}

/// Selects requests by method and path.
#[derive(Clone, Debug, Default)]
pub struct RequestMatcher {
    method: Option<Method>,
    path_prefix: String,
}

impl RequestMatcher {
    /// Matches requests of any method and path.
    pub fn any() -> Self {
        Self::default()
    }

    /// Matches requests of one method whose path, query included, begins with `path_prefix`.
    ///
    /// # Panics
    ///
    /// If `method` is no HTTP method.
    pub fn to(method: &str, path_prefix: impl Into<String>) -> Self {
        let method = Method::from_bytes(method.as_bytes()).expect("the test names an HTTP method");
        Self {
            method: Some(method),
            path_prefix: path_prefix.into(),
        }
    }

    pub(super) fn matches<B>(&self, request: &Request<B>) -> bool {
        let is_method = self.method.as_ref().is_none_or(|method| method == request.method());
        is_method && path_of(request).starts_with(&self.path_prefix)
    }
}

/// The path of a request with its query.
pub(super) fn path_of<B>(request: &Request<B>) -> &str {
    request.uri().path_and_query().map_or("/", |path| path.as_str())
}
