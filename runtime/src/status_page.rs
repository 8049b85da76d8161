//! Metrics and health over HTTP.

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus::{Encoder, Registry, TextEncoder};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Whether the process can do its work; if not, why.
pub type HealthCheck = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;

/// What the status page shows.
#[derive(Clone)]
pub struct StatusRoutes {
    /// The metrics at `/metrics`, in the Prometheus text format.
    pub registry: Registry,
    /// The health at `/healthz`: 200, or 503 with the reason.
    pub is_healthy: HealthCheck,
}

impl StatusRoutes {
    /// The routes, for a server that has others too.
    pub fn into_router(self) -> Router {
        let Self { registry, is_healthy } = self;
        Router::new()
            .route("/metrics", get(async move || metrics(&registry)))
            .route("/healthz", get(async move || health(is_healthy())))
    }
}

/// Answers at `listener` until `stop` is cancelled.
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

fn health(verdict: Result<(), String>) -> Response {
    match verdict {
        Ok(()) => "ok".into_response(),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, reason).into_response(),
    }
}
