//! The rolling restart: all pods are replaced in steps.

use super::context::ChaosContext;
use crate::LabError;
use crate::report::EventKind;

/// Replaces all present pods, `width` at a time, each step when the last has settled.
pub(super) async fn restart_pods(context: &ChaosContext<'_>, width: u16) -> Result<(), LabError> {
    context.record_started("--rolling-restart");
    let old = context.cluster().await.pod_names();
    for pods in old.chunks(width.into()) {
        replace(context, pods).await?;
        context.settled().await?;
    }
    context.record_finished();
    Ok(())
}

async fn replace(context: &ChaosContext<'_>, pods: &[String]) -> Result<(), LabError> {
    let mut cluster = context.cluster().await;
    context.record(EventKind::Restart, pods);
    cluster.start_pods(pods.len()).await?;
    cluster.drain_pods(pods).await
}
