//! Observes the load of all targets for the metrics, while this member leads.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use tracing::warn;

use crate::brain_queries::BrainQueries;
use crate::metrics::Metrics;

/// The interval between two observations.
const INTERVAL: Duration = Duration::from_secs(5);
/// The pause after an observation, in multiples of its duration: observing takes at most a twentieth of a core.
const REST_PER_WORK: u32 = 20;

/// Records the load of each target that this member leads, until it is dropped.
pub(crate) async fn observe_load(queries: BrainQueries, metrics: Metrics) {
    loop {
        let began_at = Instant::now();
        for target in queries.led_targets() {
            match queries.load_summary(&target).await {
                Ok(summary) => metrics.record_load_summary(&target, &summary),
                Err(status) => warn!(%target, reason = status.message(), "the load was not observed"),
            }
        }
        // tidy: paces, does not wait
        sleep(INTERVAL.max(began_at.elapsed() * REST_PER_WORK)).await;
    }
}
