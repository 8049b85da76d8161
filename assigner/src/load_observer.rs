//! Observes the load of all targets for the metrics, while this member leads.

use std::time::Duration;

use emberkeep_core::assigner::LoadSummary;
use tokio::time::{Instant, sleep};
use tracing::{debug, warn};

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
            let inputs = match queries.inputs(&target).await {
                Ok(inputs) => inputs,
                Err(status) => {
                    debug!(%target, reason = status.message(), "the load was not observed");
                    continue;
                }
            };
            // For a large target it takes too long for an async worker.
            match tokio::task::spawn_blocking(move || LoadSummary::of(&inputs)).await {
                Ok(summary) => metrics.record_load_summary(&target, &summary),
                Err(error) => warn!(%target, %error, "the load was not summarized"),
            }
        }
        // tidy: paces, does not wait
        sleep(INTERVAL.max(began_at.elapsed() * REST_PER_WORK)).await;
    }
}
