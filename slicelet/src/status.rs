//! Metrics and health over HTTP.

use std::net::SocketAddr;
use std::sync::Arc;

use emberkeep_core::assignment::Generation;
use emberkeep_runtime::serve::{BindError, bind};
use emberkeep_runtime::status_page::{StatusRoutes, serve_http};
use emberkeep_runtime::tasks::Tasks;

use crate::metrics::Metrics;
use crate::published::Published;

/// Serves `/metrics` and `/healthz` until the tasks are stopped; answers where.
///
/// The pod is healthy once it has registered and has an assignment. It stays so when the assigner goes away: it serves
/// on without.
pub(crate) async fn serve(
    address: SocketAddr,
    tasks: &Tasks,
    metrics: &Metrics,
    published: &Arc<Published>,
) -> Result<SocketAddr, BindError> {
    let listener = bind(address).await?;
    let address = listener
        .local_addr()
        .map_err(|reason| BindError::Refused { address, reason })?;
    let published = Arc::clone(published);
    let is_healthy = move || match published.holding.load().ownership.generation() {
        Generation::NONE => Err("not registered yet, or no assignment yet".to_owned()),
        _ => Ok(()),
    };
    let routes = StatusRoutes {
        registry: (*metrics.registry).clone(),
        is_healthy: Arc::new(is_healthy),
        pages: Vec::new(),
    };
    let stop = tasks.stop().clone();
    tasks.spawn_supervised("status page", async move {
        if let Err(error) = serve_http(listener, routes.into_router(), stop).await {
            tracing::error!(%error, "metrics and health are no longer served");
        }
    });
    Ok(address)
}
