//! The supervisor of a cluster during a run: runs the disruptions, and detects processes that end unexpectedly.

use std::convert::Infallible;
use std::future::Future;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::context::{ChaosContext, ticks};
use super::disruption::disrupt_every;
use super::drain::DrainPod;
use super::hot_key::watch_hot_key;
use super::kill_assigners::kill_assigners;
use super::kill_leader::KillLeader;
use super::kill_pod::KillPod;
use super::pod_faults::FaultyPod;
use super::rolling_restart::restart_pods;
use super::scale::scale;
use super::settings::{ChaosSettings, RecurringFault};
use crate::LabError;
use crate::cluster::PodFault;

/// The interval at which the processes are checked.
const CHECK_INTERVAL: Duration = Duration::from_millis(200);

/// Runs the disruptions until `stop`. Fails when a process ends unexpectedly, or a disruption fails or is unfinished
/// then.
pub(crate) async fn supervise(
    context: ChaosContext<'_>,
    chaos: &ChaosSettings,
    stop: &CancellationToken,
) -> Result<(), LabError> {
    let supervised = async { tokio::try_join!(check_processes(&context), disrupt(&context, chaos)).map(drop) };
    match stop.run_until_cancelled(supervised).await {
        Some(outcome) => outcome,
        None => context.check_finished(),
    }
}

async fn check_processes(context: &ChaosContext<'_>) -> Result<Infallible, LabError> {
    let mut ticks = ticks(CHECK_INTERVAL);
    loop {
        ticks.tick().await;
        context.check_processes().await?;
    }
}

/// All disruptions of the run, concurrently.
async fn disrupt(context: &ChaosContext<'_>, chaos: &ChaosSettings) -> Result<(), LabError> {
    context.warmed_up(chaos.warm_up(context.ends())).await;
    let scale_to = (!chaos.scale.is_empty()).then_some(&chaos.scale);
    tokio::try_join!(
        if_given(chaos.kill_every, |every| disrupt_every(context, every, &KillPod)),
        if_given(chaos.kill_leader_every, |every| disrupt_every(
            context,
            every,
            &KillLeader
        )),
        if_given(chaos.drain_every, |every| disrupt_every(context, every, &DrainPod)),
        if_given(chaos.stop, |recurring| inject_faults(
            context,
            PodFault::Halted,
            recurring
        )),
        if_given(chaos.partition, |recurring| inject_faults(
            context,
            PodFault::Partitioned,
            recurring
        )),
        if_given(chaos.rolling_restart, |width| restart_pods(context, width)),
        if_given(scale_to, |counts| scale(context, counts)),
        if_given(chaos.kill_assigners_for, |outage| kill_assigners(context, outage)),
        if_given(context.schedule.hot_key(), |hot| watch_hot_key(context, hot)),
    )
    .map(drop)
}

async fn inject_faults(context: &ChaosContext<'_>, fault: PodFault, recurring: RecurringFault) -> Result<(), LabError> {
    let RecurringFault { every, lasts } = recurring;
    disrupt_every(context, every, &FaultyPod { fault, lasts }).await
}

/// Runs a disruption if it is configured.
async fn if_given<T, F>(setting: Option<T>, disruption: impl FnOnce(T) -> F) -> Result<(), LabError>
where
    F: Future<Output = Result<(), LabError>>,
{
    match setting {
        Some(setting) => disruption(setting).await,
        None => Ok(()),
    }
}
