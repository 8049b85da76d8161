//! Draining pods: SIGTERM, and a replacement at the same time.

use super::context::ChaosContext;
use super::disruption::Disruption;
use crate::LabError;
use crate::cluster::ProcessCluster;
use crate::report::EventKind;

/// Drains a random pod. The supervisor checks that it exits without an error.
pub(super) struct DrainPod;

impl Disruption for DrainPod {
    type Injected = ();

    async fn inject(&self, context: &ChaosContext<'_>, cluster: &mut ProcessCluster) -> Result<Option<()>, LabError> {
        if let Some(pod) = cluster.random_pod() {
            context.record(EventKind::Drain, std::slice::from_ref(&pod));
            cluster.drain_pods(&[pod]).await?;
        }
        Ok(Some(()))
    }

    async fn heal(&self, _: &ChaosContext<'_>, cluster: &mut ProcessCluster, (): ()) -> Result<(), LabError> {
        cluster.start_pods(1).await
    }
}
