//! Killing leaders: SIGKILL to the leading member of the assigner, which is started again at once.

use std::time::Duration;

use emberkeep_assigner::{AssignerAdmin, LeadingMember};
use futures::future::select_all;
use tokio::time::{Instant, timeout};

use super::context::ChaosContext;
use super::disruption::Disruption;
use crate::cluster::ProcessCluster;
use crate::report::EventKind;
use crate::{DEADLINE, LabError};

/// The interval at which the members are asked for the leader while none leads.
const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// The deadline of a member's answer.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(500);

/// Kills the leader, and measures the time without a leader.
pub(super) struct KillLeader;

/// A leader that was killed.
pub(super) struct KilledLeader {
    was: LeadingMember,
    at: Instant,
    /// Its event in the report.
    event: usize,
}

impl Disruption for KillLeader {
    type Injected = KilledLeader;

    async fn inject(
        &self,
        context: &ChaosContext<'_>,
        cluster: &mut ProcessCluster,
    ) -> Result<Option<KilledLeader>, LabError> {
        let Some(was) = cluster.admin().leadership().await? else {
            return Ok(None);
        };
        let Some(name) = cluster.assigners().member(was.leader).map(|member| member.name()) else {
            return Ok(None);
        };
        let at = Instant::now();
        let event = context.record(EventKind::KillLeader, &[name]);
        cluster.kill_member(was.leader).await?;
        Ok(Some(KilledLeader { was, at, event }))
    }

    async fn heal(
        &self,
        context: &ChaosContext<'_>,
        cluster: &mut ProcessCluster,
        killed: KilledLeader,
    ) -> Result<(), LabError> {
        let KilledLeader { was, at, event } = killed;
        let members = cluster.assigner_urls();
        let (restarted, elected) = tokio::join!(cluster.restart_member(was.leader), new_leader(members, was.term));
        let leaderless = elected?.saturating_duration_since(at);
        context.run.tally().events.record_leaderless(event, leaderless);
        restarted
    }
}

/// The time at which a member first knows a leader of a later term.
async fn new_leader(members: Vec<String>, old_term: u64) -> Result<Instant, LabError> {
    let members = members.into_iter();
    let members = members.map(|url| AssignerAdmin::new(vec![url], ANSWER_TIMEOUT));
    let elected = select_all(members.map(|member| Box::pin(new_leader_known_to(member, old_term))));
    match timeout(DEADLINE, elected).await {
        Ok((at, ..)) => Ok(at),
        Err(_) => Err(LabError::failed(format!(
            "the assigner had no new leader within {DEADLINE:?}"
        ))),
    }
}

async fn new_leader_known_to(member: AssignerAdmin, old_term: u64) -> Instant {
    loop {
        match member.leadership().await {
            Ok(Some(leadership)) if leadership.term > old_term => return Instant::now(),
            Ok(_) | Err(_) => tokio::time::sleep(POLL_INTERVAL).await,
        }
    }
}
