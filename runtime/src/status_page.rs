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

/// Whether the process can do its work; if not, why.
pub type HealthCheck = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;

/// A text that is made when somebody asks for it.
#[derive(Clone)]
pub struct TextPage {
    /// Where, as `/decisions`.
    pub path: &'static str,
    /// What is shown there.
    pub text: Arc<dyn Fn() -> BoxFuture<'static, String> + Send + Sync>,
}

/// What the status page shows.
#[derive(Clone)]
pub struct StatusRoutes {
    /// The metrics at `/metrics`, in the Prometheus text format.
    pub registry: Registry,
    /// The health at `/healthz`: 200, or 503 with the reason.
    pub is_healthy: HealthCheck,
    /// What a role has to show beside.
    pub pages: Vec<TextPage>,
}

impl StatusRoutes {
    /// The routes, for a server that has others too.
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use prometheus::IntCounter;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;

    async fn answer_at(port: u16, path: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn metrics_and_health_are_shown_until_it_is_stopped() {
        let registry = Registry::new();
        let counter = IntCounter::new("emberkeep_test_total", "Counts.").unwrap();
        registry.register(Box::new(counter.clone())).unwrap();
        counter.inc();
        let is_ill = Arc::new(AtomicBool::new(false));
        let symptom = Arc::clone(&is_ill);
        let routes = StatusRoutes {
            registry,
            is_healthy: Arc::new(move || match symptom.load(Ordering::Relaxed) {
                true => Err("no leader".to_owned()),
                false => Ok(()),
            }),
            pages: vec![TextPage {
                path: "/weather",
                text: Arc::new(|| Box::pin(async { "fair".to_owned() })),
            }],
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let stop = CancellationToken::new();
        let server = tokio::spawn(serve_http(listener, routes.into_router(), stop.clone()));

        assert!(answer_at(port, "/metrics").await.contains("\nemberkeep_test_total 1\n"));
        let well = answer_at(port, "/healthz").await;
        assert!(well.starts_with("HTTP/1.1 200") && well.ends_with("\r\n\r\nok"));
        assert!(answer_at(port, "/weather").await.ends_with("\r\n\r\nfair"));
        is_ill.store(true, Ordering::Relaxed);
        let ill = answer_at(port, "/healthz").await;
        assert!(ill.starts_with("HTTP/1.1 503") && ill.ends_with("\r\n\r\nno leader"));

        stop.cancel();
        server.await.unwrap().unwrap();
    }
}
