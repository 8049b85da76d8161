//! The export of metrics: a task that sends them periodically.

use std::time::{Duration, SystemTime};

use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use prometheus::Registry;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::CollectorLink;
use super::metric_conversion::export_request;

/// The time between two exports.
const EXPORT_INTERVAL: Duration = Duration::from_secs(15);

/// Sends the metrics of a registry to a collector each 15 seconds, and ends when it is dropped.
#[derive(Debug)]
#[must_use = "the export ends when this is dropped"]
pub struct MetricExport {
    task: JoinHandle<()>,
    stop: DropGuard,
}

impl MetricExport {
    /// Starts the export. Must be called within a tokio runtime.
    pub fn start(link: CollectorLink, registry: Registry) -> Self {
        let stop = CancellationToken::new();
        let exporting = export(link, registry, stop.clone());
        Self {
            task: tokio::spawn(exporting),
            stop: stop.drop_guard(),
        }
    }

    /// Sends the metrics once more, at most for `deadline`.
    pub async fn shutdown(self, deadline: Duration) {
        drop(self.stop);
        // The last values are lost after the deadline, or if the task panicked: nothing can be done about either.
        let _ = tokio::time::timeout(deadline, self.task).await;
    }
}

async fn export(link: CollectorLink, registry: Registry, stop: CancellationToken) {
    let started_at = SystemTime::now();
    let mut ticks = interval(EXPORT_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let is_stopped = stop.run_until_cancelled(ticks.tick()).await.is_none();
        let families = registry.gather();
        if !families.is_empty() {
            let request = export_request(&link, &families, started_at, SystemTime::now());
            let mut client = MetricsServiceClient::new(link.channel());
            // A failure has been logged, and the next export repeats all values.
            let _ = link.exported("metrics", client.export(request)).await;
        }
        if is_stopped {
            return;
        }
    }
}
