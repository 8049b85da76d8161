//! Without the feature `otlp`: no flags, no exports.

use clap::Args;
use prometheus::Registry;
use tracing_subscriber::layer::Identity;

#[derive(Debug, Clone, Args)]
pub(crate) struct NoTelemetryArgs {}

/// The exports of this process: none.
#[derive(Debug)]
pub(crate) struct NoTelemetry;

impl NoTelemetryArgs {
    pub(crate) fn start(&self, _service: &str, _instance: String) -> NoTelemetry {
        NoTelemetry
    }

    pub(crate) const fn flags(&self) -> Vec<String> {
        Vec::new()
    }
}

impl NoTelemetry {
    pub(crate) const fn none() -> Self {
        Self
    }

    pub(crate) fn layer(&self) -> Identity {
        Identity::new()
    }

    pub(crate) const fn export_metrics(&mut self, _registry: &Registry) {}

    pub(crate) async fn shutdown(self) {}
}
