//! The metrics page of the clients, which run in this process.

use std::net::SocketAddr;
use std::sync::Arc;

use emberkeep_clerk::Clerk;
use emberkeep_runtime::serve::bind;
use emberkeep_runtime::status_page::{StatusRoutes, serve_http};
use prometheus::Registry;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::LabError;

/// Serves the metrics of the clerks until it is dropped.
#[derive(Debug)]
pub(crate) struct ClientPage {
    address: SocketAddr,
    registry: Registry,
    _stop_on_drop: DropGuard,
}

impl ClientPage {
    /// Binds `address`, a free port for port 0, and serves `/metrics`. The clerks have different names.
    ///
    /// # Errors
    /// If the address is not available, or two clerks have one name.
    pub(crate) async fn serve(address: SocketAddr, clerks: &[Clerk]) -> Result<Self, LabError> {
        let registry = Registry::new();
        for clerk in clerks {
            registry
                .register(Box::new(clerk.collector()))
                .map_err(LabError::failed)?;
        }
        let listener = bind(address).await.map_err(LabError::failed)?;
        let address = listener.local_addr().map_err(LabError::failed)?;
        let routes = StatusRoutes {
            registry: registry.clone(),
            is_healthy: Arc::new(|| Ok(())),
            pages: Vec::new(),
        };
        let stop = CancellationToken::new();
        let serving = serve_http(listener, routes.into_router(), stop.clone());
        tokio::spawn(async move {
            if let Err(error) = serving.await {
                tracing::error!(%error, "the page of the clients' metrics failed");
            }
        });
        Ok(Self {
            address,
            registry,
            _stop_on_drop: stop.drop_guard(),
        })
    }

    pub(super) const fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The address with the port that was found free.
    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }
}
