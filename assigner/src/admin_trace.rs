//! Spans of admin calls, which continue the trace of the operator's program.

use std::future::Future;
use std::task::{Context, Poll};

use emberkeep_runtime::trace_context::{ALWAYS_RECORDED, grpc_status, span_of_request};
use futures::FutureExt;
use futures::future::BoxFuture;
use tonic::server::NamedService;
use tower::Service;
use tracing::field::Empty;
use tracing::{Instrument, debug_span};

/// The admin service, with a span for each call. There are few calls, so that each is recorded.
#[derive(Debug, Clone)]
pub(crate) struct TracedAdmin<S> {
    service: S,
}

impl<S> TracedAdmin<S> {
    pub(crate) const fn new(service: S) -> Self {
        Self { service }
    }
}

impl<S: NamedService> NamedService for TracedAdmin<S> {
    const NAME: &'static str = S::NAME;
}

impl<S, B, R> Service<http::Request<B>> for TracedAdmin<S>
where
    S: Service<http::Request<B>, Response = http::Response<R>>,
    S::Future: Future<Output = Result<http::Response<R>, S::Error>> + Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let method = request.uri().path();
        let span = || {
            debug_span!(
                target: ALWAYS_RECORDED,
                "emberkeep.admin",
                otel.kind = "server",
                method,
                grpc_status = Empty,
            )
        };
        let span = span_of_request(request.headers(), span, span);
        let answer = span.in_scope(|| self.service.call(request));
        async move {
            let answer = answer.instrument(span.clone()).await;
            if let Ok(answer) = &answer {
                span.record("grpc_status", grpc_status(answer.headers()).unwrap_or("0"));
            }
            answer
        }
        .boxed()
    }
}
