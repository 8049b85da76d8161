//! The layer around a pod's services that observes requests.

use std::sync::Arc;
use std::task::{Context, Poll};

use futures::FutureExt;
use futures::future::{BoxFuture, Either};
use tokio::time::Instant;
use tower::{Layer, Service};
use tracing::Instrument;

use super::notes::{SharedNotes, lock, noted};
use super::observer::RequestObserver;

/// Gives each sampled request a span, and logs one request in N. From
/// [`Slicelet::request_layer`](crate::Slicelet::request_layer).
#[derive(Debug, Clone)]
pub struct RequestLayer(Arc<RequestObserver>);

/// A service wrapped by a [`RequestLayer`].
#[derive(Debug, Clone)]
pub struct ObservedService<S> {
    service: S,
    observer: Arc<RequestObserver>,
}

impl RequestLayer {
    pub(crate) const fn new(observer: Arc<RequestObserver>) -> Self {
        Self(observer)
    }
}

impl<S> Layer<S> for RequestLayer {
    type Service = ObservedService<S>;

    fn layer(&self, service: S) -> ObservedService<S> {
        ObservedService {
            service,
            observer: Arc::clone(&self.0),
        }
    }
}

impl<S, B, R> Service<http::Request<B>> for ObservedService<S>
where
    S: Service<http::Request<B>, Response = http::Response<R>>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Either<S::Future, BoxFuture<'static, Result<S::Response, S::Error>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let Some(observed) = self.observer.observe(request.uri().path(), request.headers()) else {
            return Either::Left(self.service.call(request));
        };
        let arrived_at = Instant::now();
        let answer = observed.span.in_scope(|| self.service.call(request));
        let observer = Arc::clone(&self.observer);
        let response = async move {
            let notes = SharedNotes::default();
            let answer = noted(Arc::clone(&notes), answer)
                .instrument(observed.span.clone())
                .await;
            let headers = answer.as_ref().ok().map(http::Response::headers);
            observer.on_ended(&observed, &lock(&notes), headers, arrived_at.elapsed());
            answer
        };
        Either::Right(response.boxed())
    }
}
