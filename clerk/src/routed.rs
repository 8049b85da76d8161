//! A channel that leads to the owner of one key.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tonic::Status;
use tonic::body::Body;
use tower::Service;

use crate::call::{Call, CallOptions};
use crate::clerk::Inner;
use crate::outgoing_request::OutgoingRequest;

/// Where a tonic client takes a channel, this leads each request to the pod that owns the key at that moment. Cheap to
/// clone.
///
/// A request that was surely not processed is tried again within its deadline: the pod could not be reached, or it does
/// not own the key any more. One whose connection broke is repeated only if it is [`idempotent`](Routed::idempotent).
#[derive(Clone)]
pub struct Routed {
    clerk: Arc<Inner>,
    key: Arc<[u8]>,
    options: CallOptions,
}

impl Routed {
    pub(crate) fn new(clerk: Arc<Inner>, key: &[u8]) -> Self {
        Self {
            clerk,
            key: key.into(),
            options: CallOptions::default(),
        }
    }

    /// Processing the request twice does no harm: it may be repeated after a connection broke in the middle.
    #[must_use]
    pub const fn idempotent(mut self) -> Self {
        self.options.is_idempotent = true;
        self
    }

    /// The caller streams its request: it is sent as it comes, kept nowhere, and never sent again. Calls that stream
    /// only the answer do not need this.
    #[must_use]
    pub const fn streaming(mut self) -> Self {
        self.options.is_streaming = true;
        self
    }

    /// How long it may take until the pod begins to answer, all attempts together. Where a request carries a
    /// `grpc-timeout` too, the shorter one counts. The default is in [`ClerkSettings`](crate::ClerkSettings).
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
        // Which pod is asked, and so which channel has to be ready, shows only at the call.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let call = Call {
            clerk: Arc::clone(&self.clerk),
            key: Arc::clone(&self.key),
            options: self.options,
        };
        let mut request = OutgoingRequest::new(request);
        Box::pin(async move { call.run(&mut request).await.map_err(Status::from) })
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
