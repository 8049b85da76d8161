//! Spells: pods that are out of action for a while and then come back, halted or cut off.

use std::time::Duration;

use super::scene::Scene;
use crate::dev::cluster::Spell;
use crate::dev::events::EventKind;
use crate::exit::Failure;

/// Halts a random pod this often, for as long as the run lasts.
pub(in crate::dev) async fn halt_pods(scene: &Scene<'_>, every: Duration) -> Result<(), Failure> {
    strike_pods(scene, Spell::Halted, every, scene.deeds.stop_for()).await
}

/// Cuts a random pod off this often, for as long as the run lasts.
pub(in crate::dev) async fn partition_pods(scene: &Scene<'_>, every: Duration) -> Result<(), Failure> {
    strike_pods(scene, Spell::CutOff, every, scene.deeds.partition_for()).await
}

async fn strike_pods(scene: &Scene<'_>, spell: Spell, every: Duration, lasts: Duration) -> Result<(), Failure> {
    scene
        .again_and_again(every, lasts, async || strike_one(scene, spell, lasts).await)
        .await
}

async fn strike_one(scene: &Scene<'_>, spell: Spell, lasts: Duration) -> Result<(), Failure> {
    let mut cluster = scene.cluster().await;
    let Some(pod) = cluster.random_pod() else {
        return Ok(());
    };
    scene.begin(event_of(spell), std::slice::from_ref(&pod));
    cluster.strike(&pod, spell).await?;
    // Others may have the cluster meanwhile; they let this pod alone.
    drop(cluster);
    tokio::time::sleep(lasts).await;
    scene.cluster().await.bring_back(&pod).await
}

const fn event_of(spell: Spell) -> EventKind {
    match spell {
        Spell::Halted => EventKind::Stop,
        Spell::CutOff => EventKind::Partition,
    }
}
