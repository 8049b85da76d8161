//! Killing pods: SIGKILL, and a replacement at once.

use super::context::ChaosContext;
use super::disruption::Disruption;
use crate::LabError;
use crate::cluster::ProcessCluster;
use crate::report::EventKind;

/// Kills a random pod.
pub(super) struct KillPod;

impl Disruption for KillPod {
    type Injected = ();

    async fn inject(&self, context: &ChaosContext<'_>, cluster: &mut ProcessCluster) -> Result<Option<()>, LabError> {
        if let Some(pod) = cluster.random_pod() {
            context.record(EventKind::Kill, std::slice::from_ref(&pod));
            cluster.kill_pod(&pod).await?;
        }
        Ok(Some(()))
    }

    async fn heal(&self, _: &ChaosContext<'_>, cluster: &mut ProcessCluster, (): ()) -> Result<(), LabError> {
        cluster.start_pods(1).await
    }
}
