//! Whoever looks after the processes of a cluster during a run: has done to them what is to be done, and notices those
//! that end by themselves.

use std::convert::Infallible;
use std::future::Future;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::deeds::{
    Scene, drain_pods, halt_pods, kill_assigners, kill_leaders, kill_pods, partition_pods, restart_pods, scale, ticks,
    watch_hot_key,
};
use crate::exit::Failure;

/// How often the processes are looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);

/// Looks after the cluster until `stop`; fails when a process ends by itself, or a deed fails or is not done by then.
pub(super) async fn care(scene: Scene<'_>, stop: &CancellationToken) -> Result<(), Failure> {
    let cared = async { tokio::try_join!(watch_processes(&scene), do_deeds(&scene)).map(drop) };
    match stop.run_until_cancelled(cared).await {
        Some(outcome) => outcome,
        None => scene.check_finished(),
    }
}

async fn watch_processes(scene: &Scene<'_>) -> Result<Infallible, Failure> {
    let mut looks = ticks(LOOK_INTERVAL);
    loop {
        looks.tick().await;
        if let Some(failure) = scene.cluster().await.unexpected_end() {
            return Err(failure);
        }
    }
}

/// All that is asked for, side by side.
async fn do_deeds(scene: &Scene<'_>) -> Result<(), Failure> {
    scene.warmed_up().await;
    let deeds = scene.deeds;
    tokio::try_join!(
        asked(deeds.kill_every, |every| kill_pods(scene, every)),
        asked(deeds.kill_leader_every, |every| kill_leaders(scene, every)),
        asked(deeds.drain_every, |every| drain_pods(scene, every)),
        asked(deeds.stop_every, |every| halt_pods(scene, every)),
        asked(deeds.partition_every, |every| partition_pods(scene, every)),
        asked(deeds.rolling_restart.then_some(()), |()| restart_pods(scene)),
        asked((!deeds.scale.is_empty()).then_some(()), |()| scale(scene)),
        asked(deeds.kill_assigners_for, |dead_for| kill_assigners(scene, dead_for)),
        asked(scene.schedule.hot_key(), |hot| watch_hot_key(scene, hot)),
    )
    .map(drop)
}

/// Does a deed if it was asked for.
async fn asked<T, F>(wish: Option<T>, deed: impl FnOnce(T) -> F) -> Result<(), Failure>
where
    F: Future<Output = Result<(), Failure>>,
{
    match wish {
        Some(wish) => deed(wish).await,
        None => Ok(()),
    }
}
