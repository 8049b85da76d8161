//! The rolling restart: all pods are replaced, some at a time.

use super::scene::Scene;
use crate::dev::events::EventKind;
use crate::exit::Failure;

/// Replaces the pods that there are, as many at a time as asked for, each step when the one before has settled.
pub(in crate::dev) async fn restart_pods(scene: &Scene<'_>) -> Result<(), Failure> {
    scene.started("--rolling-restart");
    let old = scene.cluster().await.pod_names();
    for pods in old.chunks(scene.deeds.restart_width().into()) {
        replace(scene, pods).await?;
        scene.settled().await?;
    }
    scene.finished();
    Ok(())
}

async fn replace(scene: &Scene<'_>, pods: &[String]) -> Result<(), Failure> {
    let mut cluster = scene.cluster().await;
    scene.begin(EventKind::Restart, pods);
    cluster.start_pods(pods.len()).await?;
    cluster.drain_pods(pods).await
}
