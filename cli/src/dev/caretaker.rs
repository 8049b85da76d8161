//! Whoever looks after the processes of a cluster during a run: kills those that are to be killed, starts others in
//! their place, and notices those that end by themselves.

use std::time::Duration;

use futures::future::select_all;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, timeout};
use tokio_util::sync::CancellationToken;

use super::cluster::{Cluster, leader_of};
use super::events::EventKind;
use super::run::Run;
use crate::admin::{AdminError, AssignerAdmin};
use crate::exit::Failure;

/// How often the processes are looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);
/// How long before the end of a run nothing is killed any more.
const LAST_MOMENTS: Duration = Duration::from_secs(1);
/// How long there may be no leader.
const LEADER_TIMEOUT: Duration = Duration::from_secs(30);
/// How often the members are asked who leads, while nobody does.
const LEADER_LOOK_INTERVAL: Duration = Duration::from_millis(20);
/// How long a member may take to say who leads.
const LEADER_ANSWER_TIMEOUT: Duration = Duration::from_millis(500);

/// What is killed, and how often.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Kills {
    pub(super) pod_every: Option<Duration>,
    pub(super) leader_every: Option<Duration>,
    /// When the run ends, if that is known.
    pub(super) run_ends: Option<Duration>,
}

impl Kills {
    /// Nothing would be seen of a kill at the very end.
    fn are_worth_it(&self, now: Duration) -> bool {
        self.run_ends.is_none_or(|end| now + LAST_MOMENTS <= end)
    }
}

/// Looks after the cluster until `stop`; fails when a process ends by itself, or cannot be replaced.
pub(super) async fn care(
    cluster: &mut Cluster,
    run: &Run,
    kills: Kills,
    stop: &CancellationToken,
) -> Result<(), Failure> {
    let mut looks = ticks(Some(LOOK_INTERVAL));
    let mut pod_kills = ticks(kills.pod_every);
    let mut leader_kills = ticks(kills.leader_every);
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tick(&mut looks) => {}
            () = tick(&mut pod_kills), if kills.are_worth_it(run.now()) => replace_a_pod(cluster, run).await?,
            () = tick(&mut leader_kills), if kills.are_worth_it(run.now()) => replace_the_leader(cluster, run).await?,
        }
        if let Some(failure) = cluster.unexpected_end() {
            return Err(failure);
        }
    }
}

async fn replace_a_pod(cluster: &mut Cluster, run: &Run) -> Result<(), Failure> {
    if let Some(pod) = cluster.random_pod() {
        run.tally().events.begin(run.now(), EventKind::Kill, &pod);
        cluster.kill_pod(&pod).await?;
    }
    cluster.start_pods(1).await
}

async fn replace_the_leader(cluster: &mut Cluster, run: &Run) -> Result<(), Failure> {
    let leader = leader_of(&cluster.admin()).await.map_err(AdminError::into_failure)?;
    let found = leader.and_then(|(id, term)| Some((cluster.member(id)?.clone(), term)));
    let Some((leader, term)) = found else {
        return Ok(());
    };
    let at = run.now();
    let event = run.tally().events.begin(at, EventKind::KillLeader, &leader.name());
    cluster.kill_member(&leader).await?;
    let members = cluster.assigner_urls();
    let (restarted, elected) = tokio::join!(cluster.restart_member(&leader), new_leader(members, term));
    let missed = elected?.saturating_duration_since(run.instant_of(at));
    run.tally().events.leader_missed(event, missed);
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

/// The first tick comes after one period.
fn ticks(period: Option<Duration>) -> Option<Interval> {
    period.map(|period| {
        let mut interval = interval_at(Instant::now() + period, period);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        interval
    })
}

/// Waits for ever if there is nothing to wait for.
async fn tick(interval: &mut Option<Interval>) {
    match interval {
        Some(interval) => {
            interval.tick().await;
        }
        None => std::future::pending().await,
    }
}
