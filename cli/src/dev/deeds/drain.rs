//! Pods that drain: SIGTERM, and another one started at the same time.

use std::time::Duration;

use super::scene::Scene;
use crate::dev::events::EventKind;
use crate::exit::Failure;

/// Lets a random pod drain this often, for as long as the run lasts. That each ends in order, the caretaker sees.
pub(in crate::dev) async fn drain_pods(scene: &Scene<'_>, every: Duration) -> Result<(), Failure> {
    scene
        .again_and_again(every, Duration::ZERO, async || drain_one(scene).await)
        .await
}

async fn drain_one(scene: &Scene<'_>) -> Result<(), Failure> {
    let mut cluster = scene.cluster().await;
    if let Some(pod) = cluster.random_pod() {
        scene.begin(EventKind::Drain, std::slice::from_ref(&pod));
        cluster.drain_pods(&[pod]).await?;
    }
    cluster.start_pods(1).await.map(drop)
}
