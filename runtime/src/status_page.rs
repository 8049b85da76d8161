//! Metrics and health over HTTP.

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures::future::BoxFuture;
use prometheus::{Encoder, Registry, TextEncoder};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Whether the process can do its work; the error is the reason why it cannot.
pub type HealthCheck = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;

/// A text page, rendered for each request.
#[derive(Clone)]
pub struct TextPage {
    /// The path of the page, such as `/decisions`.
    pub path: &'static str,
    /// Renders the page as plain text.
    pub text: Arc<dyn Fn() -> BoxFuture<'static, String> + Send + Sync>,
}

/// The routes of the status page.
#[derive(Clone)]
pub struct StatusRoutes {
    /// Served at `/metrics` in the Prometheus text format.
    pub registry: Registry,
    /// Served at `/healthz`: status 200, or 503 with the reason.
    pub is_healthy: HealthCheck,
    /// Further pages of the role.
    pub pages: Vec<TextPage>,
}

impl StatusRoutes {
    /// The routes as an axum router, to which the caller may add others.
    pub fn into_router(self) -> Router {
        let Self {
            registry,
            is_healthy,
            pages,
        } = self;
        let router = Router::new()
            .route("/metrics", get(async move || metrics(&registry)))
            .route("/healthz", get(async move || health(is_healthy())));
        pages.into_iter().fold(router, |router, page| {
            router.route(page.path, get(async move || (page.text)().await))
        })
    }
}

/// Serves `router` until `stop` is cancelled.
///
/// # Errors
/// When the listener fails.
pub async fn serve_http(listener: TcpListener, router: Router, stop: CancellationToken) -> io::Result<()> {
    axum::serve(listener, router)
        .with_graceful_shutdown(stop.cancelled_owned())
        .await
}

fn metrics(registry: &Registry) -> Response {
    let encoder = TextEncoder::new();
    let mut text = Vec::new();
    match encoder.encode(&registry.gather(), &mut text) {
        Ok(()) => ([(header::CONTENT_TYPE, encoder.format_type().to_owned())], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

fn health(result: Result<(), String>) -> Response {
    match result {
        Ok(()) => "ok".into_response(),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, reason).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use prometheus::IntCounter;

    use super::*;
    use crate::http_get::http_get;

    #[tokio::test]
    async fn metrics_and_health_are_served_until_the_stop() {
        let registry = Registry::new();
        let counter = IntCounter::new("emberkeep_test_total", "Counts.").unwrap();
        registry.register(Box::new(counter.clone())).unwrap();
        counter.inc();
        let is_unhealthy = Arc::new(AtomicBool::new(false));
        let checked = Arc::clone(&is_unhealthy);
        let routes = StatusRoutes {
            registry,
            is_healthy: Arc::new(move || match checked.load(Ordering::Relaxed) {
                true => Err("no leader".to_owned()),
                false => Ok(()),
            }),
            pages: vec![TextPage {
                path: "/weather",
                text: Arc::new(|| Box::pin(async { "fair".to_owned() })),
            }],
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let page = async |path| http_get(address, path).await.unwrap();
        let stop = CancellationToken::new();
        let server = tokio::spawn(serve_http(listener, routes.into_router(), stop.clone()));

        assert!(page("/metrics").await.contains("\nemberkeep_test_total 1\n"));
        let healthy = page("/healthz").await;
        assert!(healthy.starts_with("HTTP/1.1 200") && healthy.ends_with("\r\n\r\nok"));
        assert!(page("/weather").await.ends_with("\r\n\r\nfair"));
        is_unhealthy.store(true, Ordering::Relaxed);
        let unhealthy = page("/healthz").await;
        assert!(unhealthy.starts_with("HTTP/1.1 503") && unhealthy.ends_with("\r\n\r\nno leader"));

        stop.cancel();
        server.await.unwrap().unwrap();
    }
}
