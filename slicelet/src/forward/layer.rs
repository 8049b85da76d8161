//! The layer around a pod's services.

use std::sync::Arc;
use std::task::{Context, Poll};

use futures::FutureExt;
use futures::future::{BoxFuture, Either};
use tokio::time::Instant;
use tonic::body::Body;
use tower::{Layer, Service};

use super::Forwarder;
use super::buffered_request::BufferedRequest;

/// Forwards requests for keys of other pods to their owner, while the target's setting `misroute` is `forward`. From
/// [`Slicelet::forward_layer`](crate::Slicelet::forward_layer).
#[derive(Debug, Clone)]
pub struct ForwardLayer(Arc<Forwarder>);

/// A service wrapped by a [`ForwardLayer`].
#[derive(Debug, Clone)]
pub struct Forwarding<S> {
    service: S,
    forwarder: Arc<Forwarder>,
}

impl ForwardLayer {
    pub(crate) fn new(forwarder: Forwarder) -> Self {
        Self(Arc::new(forwarder))
    }
}

impl<S> Layer<S> for ForwardLayer {
    type Service = Forwarding<S>;

    fn layer(&self, service: S) -> Forwarding<S> {
        Forwarding {
            service,
            forwarder: Arc::clone(&self.0),
        }
    }
}

impl<S> Service<http::Request<Body>> for Forwarding<S>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Either<S::Future, BoxFuture<'static, Result<S::Response, S::Error>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        if !self.forwarder.is_on() {
            return Either::Left(self.service.call(request));
        }
        let arrived_at = Instant::now();
        let (buffered, request) = BufferedRequest::of(request);
        let answer = self.service.call(request);
        let forwarder = Arc::clone(&self.forwarder);
        let response = async move {
            let answer = answer.await?;
            Ok(forwarder.respond(buffered, answer, arrived_at).await)
        };
        Either::Right(response.boxed())
    }
}
