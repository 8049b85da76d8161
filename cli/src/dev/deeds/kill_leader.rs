//! Leaders that are killed: SIGKILL to the leading member of the assigner, which is started again at once.

use std::time::Duration;

use futures::future::select_all;
use tokio::time::{Instant, timeout};

use super::scene::Scene;
use crate::admin::{AdminError, AssignerAdmin};
use crate::dev::cluster::leader_of;
use crate::dev::events::EventKind;
use crate::exit::Failure;

/// How long there may be no leader.
const LEADER_TIMEOUT: Duration = Duration::from_secs(30);
/// How often the members are asked who leads, while nobody does.
const LEADER_LOOK_INTERVAL: Duration = Duration::from_millis(20);
/// How long a member may take to say who leads.
const LEADER_ANSWER_TIMEOUT: Duration = Duration::from_millis(500);

/// Kills the leader this often, for as long as the run lasts.
pub(in crate::dev) async fn kill_leaders(scene: &Scene<'_>, every: Duration) -> Result<(), Failure> {
    scene
        .again_and_again(every, Duration::ZERO, async || kill_one(scene).await)
        .await
}

async fn kill_one(scene: &Scene<'_>) -> Result<(), Failure> {
    let mut cluster = scene.cluster().await;
    let leader = leader_of(&cluster.admin()).await.map_err(AdminError::into_failure)?;
    let found = leader.and_then(|(id, term)| Some((cluster.member(id)?.clone(), term)));
    let Some((leader, term)) = found else {
        return Ok(());
    };
    let at = Instant::now();
    let event = scene.begin(EventKind::KillLeader, &[leader.name()]);
    cluster.kill_member(&leader).await?;
    let members = cluster.assigner_urls();
    let (restarted, elected) = tokio::join!(cluster.restart_member(&leader), new_leader(members, term));
    let missed = elected?.saturating_duration_since(at);
    scene.run.tally().events.leader_missed(event, missed);
    restarted
}

/// When a leader of a later term is first known to a member.
async fn new_leader(members: Vec<String>, old_term: u64) -> Result<Instant, Failure> {
    let members = members.into_iter();
    let members = members.map(|url| AssignerAdmin::new(vec![url], LEADER_ANSWER_TIMEOUT));
    let seen = select_all(members.map(|member| Box::pin(sees_new_leader(member, old_term))));
    match timeout(LEADER_TIMEOUT, seen).await {
        Ok((at, ..)) => Ok(at),
        Err(_) => Err(Failure::failed(format!(
            "the assigner had no new leader within {LEADER_TIMEOUT:?}"
        ))),
    }
}

async fn sees_new_leader(member: AssignerAdmin, old_term: u64) -> Instant {
    loop {
        match leader_of(&member).await {
            Ok(Some((_, term))) if term > old_term => return Instant::now(),
            Ok(_) | Err(_) => tokio::time::sleep(LEADER_LOOK_INTERVAL).await,
        }
    }
}
