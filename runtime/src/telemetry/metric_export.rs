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

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use emberkeep_testkit::deadline::{DEADLINE, eventually};
    use emberkeep_testkit::otlp_collector::OtlpCollector;
    use prometheus::IntCounter;

    use super::super::ServiceIdentity;
    use super::*;

    fn exported_to(collector: &OtlpCollector) -> (IntCounter, MetricExport) {
        let registry = Registry::new();
        let counter = IntCounter::new("emberkeep_test_total", "Counts.").unwrap();
        registry.register(Box::new(counter.clone())).unwrap();
        let identity = ServiceIdentity {
            name: "metric-test".to_owned(),
            instance: "1".to_owned(),
        };
        let link = CollectorLink::new(&collector.url().parse().unwrap(), identity);
        (counter, MetricExport::start(link, registry))
    }

    #[tokio::test]
    async fn metrics_are_sent_at_the_start_and_once_more_at_the_end() {
        let collector = OtlpCollector::start().await;
        let (counter, export) = exported_to(&collector);
        let first = async || collector.metrics_of("metric-test").pop();
        let first = eventually("the first export", first).await;
        counter.inc();
        export.shutdown(DEADLINE).await;
        let all = collector.metrics_of("metric-test");
        assert_eq!(all.len(), 2);
        assert_eq!(all[0], first);
        assert_ne!(all[1].data, first.data);
    }

    #[tokio::test]
    async fn a_collector_that_hangs_is_waited_for_until_the_deadline() {
        let collector = OtlpCollector::hanging().await;
        let (_, export) = exported_to(&collector);
        let began_at = Instant::now();
        export.shutdown(Duration::from_millis(50)).await;
        assert!(began_at.elapsed() < DEADLINE);
    }
}
