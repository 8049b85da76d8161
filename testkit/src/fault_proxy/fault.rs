//! What can happen to a request, and to which.

use std::time::Duration;

use http::{Method, Request};

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is passed on this much later; by chance, after a time of up to this, drawn for each request.
    Delay(Duration),
    /// It is not carried out, and answered with 500 InternalError.
    InternalError,
    /// It is not carried out, and answered with 503 SlowDown.
    SlowDown,
    /// The connection is cut before it is carried out.
    CutBefore,
    /// It is carried out, and the connection cut before the reply.
    CutAfter,
    /// It is carried out, and the connection cut in the middle of the reply's body; before the reply, if that has no body.
    CutBody,
    /// A read is answered with an older version of the object, out of the two newest that were read through this proxy.
    ///
    /// What was never read through it has no older version and is passed on.
    StaleRead,
}

/// Some of the requests that a proxy gets.
#[derive(Clone, Debug, Default)]
pub struct Requests {
    method: Option<Method>,
    path_prefix: String,
}

impl Requests {
    /// All of them.
    pub fn any() -> Self {
        Self::default()
    }

    /// Those of one method whose path, query included, begins with `path_prefix`.
    ///
    /// # Panics
    ///
    /// If `method` is none of HTTP.
    pub fn to(method: &str, path_prefix: impl Into<String>) -> Self {
        let method = Method::from_bytes(method.as_bytes()).expect("the method is one of HTTP");
        Self {
            method: Some(method),
            path_prefix: path_prefix.into(),
        }
    }

    pub(super) fn contain<B>(&self, request: &Request<B>) -> bool {
        let is_method = self.method.as_ref().is_none_or(|method| method == request.method());
        is_method && path_of(request).starts_with(&self.path_prefix)
    }
}

/// The path of a request with its query.
pub(super) fn path_of<B>(request: &Request<B>) -> &str {
    request.uri().path_and_query().map_or("/", |path| path.as_str())
}
