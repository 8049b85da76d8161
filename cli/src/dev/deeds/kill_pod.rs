//! Pods that are killed: SIGKILL, and another one in its place at once.

use std::time::Duration;

use super::scene::Scene;
use crate::dev::events::EventKind;
use crate::exit::Failure;

/// Kills a random pod this often, for as long as the run lasts.
pub(in crate::dev) async fn kill_pods(scene: &Scene<'_>, every: Duration) -> Result<(), Failure> {
    scene
        .again_and_again(every, Duration::ZERO, async || kill_one(scene).await)
        .await
}

async fn kill_one(scene: &Scene<'_>) -> Result<(), Failure> {
    let mut cluster = scene.cluster().await;
    if let Some(pod) = cluster.random_pod() {
        scene.begin(EventKind::Kill, std::slice::from_ref(&pod));
        cluster.kill_pod(&pod).await?;
    }
    cluster.start_pods(1).await.map(drop)
}
