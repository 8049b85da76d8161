//! Scaling: another number of pods, and another.

use super::scene::Scene;
use crate::dev::events::EventKind;
use crate::exit::Failure;

/// Changes the number of pods to each of the counts in turn, each step when the one before has settled.
pub(in crate::dev) async fn scale(scene: &Scene<'_>) -> Result<(), Failure> {
    scene.started("--scale");
    for count in &scene.deeds.scale {
        change_to(scene, usize::from(*count)).await?;
        scene.settled().await?;
    }
    scene.finished();
    Ok(())
}

/// Those that were there last go first.
async fn change_to(scene: &Scene<'_>, count: usize) -> Result<(), Failure> {
    let mut cluster = scene.cluster().await;
    let pods = cluster.pod_names();
    if count > pods.len() {
        let coming = cluster.next_pod_names(count - pods.len());
        scene.begin(EventKind::Scale, &coming);
        cluster.start_pods_named(coming).await?;
    } else if count < pods.len() {
        let going = &pods[count..];
        scene.begin(EventKind::Scale, going);
        cluster.drain_pods(going).await?;
    }
    Ok(())
}
