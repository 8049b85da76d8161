//! The assigner gone as a whole: requests go on, and pods tell new clients where to go.

use std::time::Duration;

use futures::future::join_all;
use tokio::time::{Instant, sleep_until};

use super::scene::Scene;
use crate::dev::clients::Clients;
use crate::dev::events::EventKind;
use crate::dev::load::ask;
use crate::exit::Failure;

/// How many keys the new client asks for, the first of the trace.
const KEYS_ASKED_FOR: usize = 100;

/// Kills all members, and starts them again after that time; meanwhile a new client comes, and a pod is started again.
pub(in crate::dev) async fn kill_assigners(scene: &Scene<'_>, dead_for: Duration) -> Result<(), Failure> {
    scene.started("--kill-assigners-for");
    let back_at = Instant::now() + dead_for;
    let pods = {
        let mut cluster = scene.cluster().await;
        scene.begin(EventKind::KillAssigners, &cluster.member_names());
        cluster.kill_members().await?;
        cluster.pod_addresses()
    };
    let client = Clients::of_pods(pods).await?;
    ask_for_keys(scene, &client).await;
    restart_a_pod(scene).await?;
    ask_for_keys(scene, &client).await;
    sleep_until(back_at).await;
    scene.cluster().await.restart_members().await?;
    scene.finished();
    Ok(())
}

/// It takes the place of its earlier life by what the others know.
async fn restart_a_pod(scene: &Scene<'_>) -> Result<(), Failure> {
    let mut cluster = scene.cluster().await;
    let Some(pod) = cluster.random_pod() else {
        return Ok(());
    };
    scene.begin(EventKind::Restart, std::slice::from_ref(&pod));
    cluster.restart_pod(&pod).await
}

/// The answers, and what fails, count with all others.
async fn ask_for_keys(scene: &Scene<'_>, client: &Clients) {
    let keys = scene.schedule.each_key_once().take(KEYS_ASKED_FOR).enumerate();
    join_all(keys.map(async |(number, due)| ask(client, scene.run, number, &due).await)).await;
}
