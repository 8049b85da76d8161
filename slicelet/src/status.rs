//! Metrics and health over HTTP.

use std::net::SocketAddr;
use std::sync::Arc;

use emberkeep_core::assignment::Generation;
use emberkeep_runtime::serve::{BindError, bind};
use emberkeep_runtime::status_page::{StatusRoutes, serve_http};
use emberkeep_runtime::tasks::Tasks;

use crate::metrics::Metrics;
use crate::published_state::PublishedState;

/// Serves `/metrics` and `/healthz` until the tasks are stopped, and returns the bound address.
///
/// The pod is healthy from its first assignment on. It stays healthy when the assigner is unreachable, since it keeps
/// serving.
pub(crate) async fn serve(
    address: SocketAddr,
    tasks: &Tasks,
    metrics: &Metrics,
    published: &Arc<PublishedState>,
) -> Result<SocketAddr, BindError> {
    let listener = bind(address).await?;
    let address = listener
        .local_addr()
        .map_err(|reason| BindError::Refused { address, reason })?;
    let published = Arc::clone(published);
    let is_healthy = move || match published.snapshot.load().ownership.generation() {
        Generation::NONE => Err("no assignment yet: not registered, or the assigner has not sent one".to_owned()),
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
            tracing::error!(%error, "the server of metrics and health ended");
        }
    });
    Ok(address)
}
