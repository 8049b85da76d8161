//! Halting and partitioning pods for a limited time.

use std::time::Duration;

use super::context::ChaosContext;
use super::disruption::Disruption;
use crate::LabError;
use crate::cluster::{PodFault, ProcessCluster};
use crate::report::EventKind;

/// Injects a fault into a random pod, and heals it after the configured time.
pub(super) struct FaultyPod {
    pub(super) fault: PodFault,
    pub(super) lasts: Duration,
}

impl Disruption for FaultyPod {
    /// The name of the faulty pod.
    type Injected = String;

    fn lasts(&self) -> Duration {
        self.lasts
    }

    async fn inject(
        &self,
        context: &ChaosContext<'_>,
        cluster: &mut ProcessCluster,
    ) -> Result<Option<String>, LabError> {
        let Some(pod) = cluster.random_pod() else {
            return Ok(None);
        };
        context.record(event_of(self.fault), std::slice::from_ref(&pod));
        cluster.inject(&pod, self.fault).await?;
        Ok(Some(pod))
    }

    async fn heal(&self, _: &ChaosContext<'_>, cluster: &mut ProcessCluster, pod: String) -> Result<(), LabError> {
        cluster.heal(&pod).await
    }
}

const fn event_of(fault: PodFault) -> EventKind {
    match fault {
        PodFault::Halted => EventKind::Stop,
        PodFault::Partitioned => EventKind::Partition,
    }
}
