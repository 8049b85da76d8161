//! Without the feature `otlp`: no flags, no exports.

use clap::Args;
use prometheus::Registry;
use tracing_subscriber::layer::Identity;

#[derive(Debug, Clone, Args)]
pub(crate) struct TelemetryArgs {}

/// The exports of this process: none.
#[derive(Debug)]
pub(crate) struct Telemetry;

impl TelemetryArgs {
    pub(crate) fn start(&self, _service: &str, _instance: String) -> Telemetry {
        Telemetry
    }

    pub(crate) const fn flags(&self) -> Vec<String> {
        Vec::new()
    }
}

impl Telemetry {
    pub(crate) const fn none() -> Self {
        Self
    }

    pub(crate) fn layer(&self) -> Identity {
        Identity::new()
    }

    pub(crate) const fn export_metrics(&mut self, _registry: &Registry) {}

    pub(crate) async fn shutdown(self) {}
}
