//! An outage of the whole assigner: requests continue, and new clients get the assignment from pods.

use std::time::Duration;

use futures::future::join_all;
use tokio::time::{Instant, sleep_until};

use super::context::ChaosContext;
use super::disruption::Disruption;
use crate::LabError;
use crate::cluster::ProcessCluster;
use crate::load::{Clients, send};
use crate::report::EventKind;

/// The number of keys that the new client requests, the first of the trace.
const REQUESTED_KEYS: usize = 100;

/// Kills all members of the assigner at the same time.
struct KillAssigners;

impl Disruption for KillAssigners {
    /// The addresses of the pods.
    type Injected = Vec<String>;

    async fn inject(
        &self,
        context: &ChaosContext<'_>,
        cluster: &mut ProcessCluster,
    ) -> Result<Option<Vec<String>>, LabError> {
        let members = cluster.assigners().members().iter();
        let names: Vec<String> = members.map(|member| member.name()).collect();
        context.record(EventKind::KillAssigners, &names);
        cluster.kill_assigners().await?;
        Ok(Some(cluster.pod_addresses().into_iter().collect()))
    }

    async fn heal(&self, _: &ChaosContext<'_>, cluster: &mut ProcessCluster, _: Vec<String>) -> Result<(), LabError> {
        cluster.restart_assigners().await
    }
}

/// Kills all members and starts them again after that time; during the outage a new client connects and a pod restarts.
pub(super) async fn kill_assigners(context: &ChaosContext<'_>, outage: Duration) -> Result<(), LabError> {
    context.record_started("--kill-assigners-for");
    let ends_at = Instant::now() + outage;
    let injected = {
        let mut cluster = context.cluster().await;
        KillAssigners.inject(context, &mut cluster).await?
    };
    let pods = injected.unwrap_or_default();
    let client = Clients::of_pods(pods.clone(), context.clerk.clone()).await?;
    request_keys(context, &client).await;
    restart_a_pod(context).await?;
    request_keys(context, &client).await;
    sleep_until(ends_at).await;
    let mut cluster = context.cluster().await;
    KillAssigners.heal(context, &mut cluster, pods).await?;
    context.record_finished();
    Ok(())
}

/// The pod continues with the assignment of its peers.
async fn restart_a_pod(context: &ChaosContext<'_>) -> Result<(), LabError> {
    let mut cluster = context.cluster().await;
    let Some(pod) = cluster.random_pod() else {
        return Ok(());
    };
    context.record(EventKind::Restart, std::slice::from_ref(&pod));
    cluster.restart_pod(&pod).await
}

/// Answers and failures count like those of all other requests.
async fn request_keys(context: &ChaosContext<'_>, client: &Clients) {
    let requests = context.schedule.each_key_once().take(REQUESTED_KEYS).enumerate();
    join_all(requests.map(async |(number, request)| send(client, context.run, number, &request).await)).await;
}
