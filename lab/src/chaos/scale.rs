//! Scaling: the number of pods changes.

use super::context::ChaosContext;
use crate::LabError;
use crate::report::EventKind;

/// Changes the number of pods to each of the counts in turn, each step when the last has settled.
pub(super) async fn scale(context: &ChaosContext<'_>, counts: &[u16]) -> Result<(), LabError> {
    context.record_started("--scale");
    for count in counts {
        change_to(context, usize::from(*count)).await?;
        context.settled().await?;
    }
    context.record_finished();
    Ok(())
}

/// The pods that were started last are drained first.
async fn change_to(context: &ChaosContext<'_>, count: usize) -> Result<(), LabError> {
    let mut cluster = context.cluster().await;
    let pods = cluster.pod_names();
    if count > pods.len() {
        let new = cluster.next_pod_names(count - pods.len());
        context.record(EventKind::Scale, &new);
        cluster.start_pods_named(new).await?;
    } else if count < pods.len() {
        let surplus = &pods[count..];
        context.record(EventKind::Scale, surplus);
        cluster.drain_pods(surplus).await?;
    }
    Ok(())
}
