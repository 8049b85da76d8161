//! The movement meter: the moves and the churn of each event of a cluster.

use std::sync::Arc;

use emberkeep_core::assigner::{Applied, ChangeKind};
use emberkeep_core::balancer::DecisionReport;
use emberkeep_core::pod::PodName;

use super::{Churn, MovementTotals};
use crate::cluster::{ClusterEvent, SimCluster, TimedEvent};

/// Remembers the decision that is being replicated: its moves count only if it takes effect.
#[derive(Debug, Default)]
pub(crate) struct MovementMeter {
    proposed: Option<Arc<DecisionReport>>,
}

impl MovementMeter {
    /// The moves of one event, with the cluster right after it; empty for events that move nothing.
    pub(crate) fn on_event(&mut self, cluster: &SimCluster, event: &TimedEvent) -> MovementTotals {
        let mut totals = MovementTotals::default();
        match &event.what {
            ClusterEvent::Decided(report) => self.proposed = Some(report.clone()),
            ClusterEvent::Replicated {
                change: ChangeKind::Assign { .. },
                outcome,
            } => {
                if let Some(report) = self.proposed.take().filter(|_| *outcome == Applied::Done) {
                    totals.record_decision(&report, &cluster.state().assignment, cluster.traffic());
                }
            }
            ClusterEvent::Routed { before, after } => {
                let stays = |pod: &PodName| {
                    let record = cluster.state().pods.get(pod);
                    record.is_some_and(|record| !record.is_draining)
                };
                let churn = Churn::between(before, after, cluster.traffic(), stays);
                totals.record_churn(churn, cluster.traffic());
            }
            ClusterEvent::Replicated { .. }
            | ClusterEvent::Published { .. }
            | ClusterEvent::Exited { .. }
            | ClusterEvent::Alerted(_)
            | ClusterEvent::Elected => {}
        }
        totals
    }
}
