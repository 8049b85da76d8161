//! Settling: a step of a deed is over when those who were to go have gone, and nothing is on the move.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use super::scene::Scene;
use crate::exit::Failure;

/// How long a step may take: longer than a pod that drains keeps what nobody takes.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(120);
/// How often it is looked whether pods have ended.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

impl Scene<'_> {
    /// Waits until the pods that drain have ended, and the others own everything, with no replica warming or leaving.
    pub(super) async fn settled(&self) -> Result<(), Failure> {
        let deadline = Instant::now() + SETTLE_TIMEOUT;
        let gone = timeout_at(deadline, self.gone()).await;
        gone.map_err(|_| {
            Failure::failed(format!(
                "a pod that was told to drain had not ended within {SETTLE_TIMEOUT:?}"
            ))
        })?;
        let living = self.cluster().await.pod_addresses();
        self.assignment.settled_on(&living, deadline).await.ok_or_else(|| {
            let count = living.len();
            Failure::failed(format!(
                "slices were still on the move among {count} pods {SETTLE_TIMEOUT:?} after the last step"
            ))
        })
    }

    async fn gone(&self) {
        while self.cluster().await.is_draining() {
            sleep(LOOK_INTERVAL).await;
        }
    }
}
