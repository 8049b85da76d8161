//! A channel to the owner of one key.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tonic::Status;
use tonic::body::Body;
use tower::Service;
use tracing::Instrument;

use crate::call::{Call, CallOptions};
use crate::call_trace::{begin_call, end_call};
use crate::clerk_state::ClerkState;
use crate::outgoing_request::OutgoingRequest;

/// The transport of a tonic client: sends each request to the pod that owns the key at that moment. Cheap to clone.
///
/// A request that was certainly not processed is retried within its deadline: its pod was unreachable, or no longer
/// owns the key. After a broken connection it is retried only if it is [`idempotent`](Routed::idempotent).
#[derive(Clone)]
pub struct Routed {
    clerk: Arc<ClerkState>,
    key: Arc<[u8]>,
    options: CallOptions,
}

impl Routed {
    pub(crate) fn new(clerk: Arc<ClerkState>, key: &[u8]) -> Self {
        Self {
            clerk,
            key: key.into(),
            options: CallOptions::default(),
        }
    }

    /// Declares that processing the request twice has the effect of once: it is retried after a broken connection.
    #[must_use]
    pub const fn idempotent(mut self) -> Self {
        self.options.is_idempotent = true;
        self
    }

    /// Declares a streaming request: its body is sent while it is produced, not buffered, and never retried. Calls that
    /// stream only the answer do not need this.
    #[must_use]
    pub const fn streaming(mut self) -> Self {
        self.options.is_streaming = true;
        self
    }

    /// Sets the time until the headers of the answer must be received, all attempts together. If the request carries a
    /// `grpc-timeout` too, the shorter one counts. The default is [`ClerkSettings::deadline`](crate::ClerkSettings).
    #[must_use]
    pub const fn deadline(mut self, deadline: Duration) -> Self {
        self.options.deadline = Some(deadline);
        self
    }
}

impl Service<http::Request<Body>> for Routed {
    type Response = http::Response<Body>;
    type Error = Status;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Status>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        // The channel that has to be ready is known only in `call`, which chooses the pod.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let mut request = OutgoingRequest::new(request);
        let span = begin_call(&self.clerk, &self.key, &mut request);
        let call = Call {
            clerk: Arc::clone(&self.clerk),
            key: Arc::clone(&self.key),
            options: self.options,
            is_traced: !span.is_disabled(),
        };
        match call.is_traced {
            false => Box::pin(async move { call.run(&mut request).await.map_err(Status::from) }),
            true => Box::pin(async move {
                let result = call.run(&mut request).instrument(span.clone()).await;
                end_call(&span, &request, &result);
                result.map_err(Status::from)
            }),
        }
    }
}

impl std::fmt::Debug for Routed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { key, options, .. } = self;
        f.debug_struct("Routed")
            .field("key", key)
            .field("options", options)
            .finish_non_exhaustive()
    }
}
