//! Waiting until a step of a disruption has settled.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use super::context::ChaosContext;
use crate::{DEADLINE, LabError};

/// The interval at which draining pods are checked.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

impl ChaosContext<'_> {
    /// Waits until draining pods have ended, and the others own all slices with no replica warming or leaving.
    pub(super) async fn settled(&self) -> Result<(), LabError> {
        let deadline = Instant::now() + DEADLINE;
        let drained = timeout_at(deadline, self.drained()).await;
        drained.map_err(|_| LabError::failed(format!("a draining pod had not ended within {DEADLINE:?}")))?;
        let remaining = self.cluster().await.pod_addresses();
        self.assignment.settled_on(&remaining, deadline).await.ok_or_else(|| {
            let count = remaining.len();
            LabError::failed(format!(
                "slices still moved among {count} pods {DEADLINE:?} after the last step"
            ))
        })
    }

    async fn drained(&self) {
        while self.cluster().await.is_draining() {
            sleep(POLL_INTERVAL).await;
        }
    }
}
