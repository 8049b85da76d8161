//! Observes the Raft of this member for its metrics.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use tracing::warn;

use crate::metrics::Metrics;
use crate::raft::Member;

/// The sampling interval; elections and lags that matter last longer, or show in the counter of elections.
const INTERVAL: Duration = Duration::from_secs(1);

/// Records the progress of `member` once a second, until it is dropped.
pub(crate) async fn observe_raft(member: Member, metrics: Metrics) {
    let mut ticks = interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        metrics.record_raft_progress(&member.progress());
        match member.data_bytes().await {
            Ok(bytes) => metrics.record_raft_data_bytes(bytes),
            Err(error) => warn!(%error, "the size of the data file cannot be read"),
        }
    }
}
