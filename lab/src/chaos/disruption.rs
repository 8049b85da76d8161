//! A disruption: a fault that is injected into a cluster and, if it lasts, healed.

use std::time::Duration;

use super::context::ChaosContext;
use crate::LabError;
use crate::cluster::ProcessCluster;

/// One kind of disruption. Each begins with an event in the report.
pub(super) trait Disruption {
    /// The injected fault, for `heal`: the faulty pod, the killed leader.
    type Injected;

    /// The time until it is healed. If that is zero, the cluster stays locked against other disruptions until then.
    fn lasts(&self) -> Duration {
        Duration::ZERO
    }

    /// Disrupts the cluster; `None` if there is nothing to disrupt now.
    async fn inject(
        &self,
        context: &ChaosContext<'_>,
        cluster: &mut ProcessCluster,
    ) -> Result<Option<Self::Injected>, LabError>;

    /// Ends the disruption: starts a replacement, or heals the fault.
    async fn heal(
        &self,
        context: &ChaosContext<'_>,
        cluster: &mut ProcessCluster,
        injected: Self::Injected,
    ) -> Result<(), LabError>;
}

/// Injects a disruption and heals it.
pub(super) async fn disrupt(context: &ChaosContext<'_>, disruption: &impl Disruption) -> Result<(), LabError> {
    let mut cluster = context.cluster().await;
    let Some(injected) = disruption.inject(context, &mut cluster).await? else {
        return Ok(());
    };
    if !disruption.lasts().is_zero() {
        // Other disruptions may use the cluster during that time; they choose no pod that has a fault.
        drop(cluster);
        tokio::time::sleep(disruption.lasts()).await;
        cluster = context.cluster().await;
    }
    disruption.heal(context, &mut cluster, injected).await
}

/// Disrupts the cluster at this interval, as long as the impact can be observed before the run ends.
pub(super) async fn disrupt_every(
    context: &ChaosContext<'_>,
    every: Duration,
    disruption: &impl Disruption,
) -> Result<(), LabError> {
    let mut ticks = super::context::ticks(every);
    loop {
        ticks.tick().await;
        if context.has_time_for(disruption.lasts()) {
            disrupt(context, disruption).await?;
        }
    }
}
