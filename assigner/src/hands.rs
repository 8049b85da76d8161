//! The hands of the assigner's brain: what it wants is done here.

use std::sync::Arc;

use emberkeep_core::assigner::{Change, ChangeKind, PROBE_DEADLINE, TargetAction, TargetEvent};
use emberkeep_core::pod::Pod;
use emberkeep_core::target::TargetName;
use emberkeep_runtime::driver::Hands;
use emberkeep_runtime::tasks::Tasks;
use tracing::{info, warn};

use crate::desk::{Brain, Desk};
use crate::leader::Leader;
use crate::metrics::Metrics;
use crate::probe::probe;
use crate::raft::Member;
use crate::recorder::Witnessed;

/// Carries out what the brain of one target wants.
pub(crate) struct TargetHands {
    target: TargetName,
    member: Member,
    desk: Arc<Desk>,
    metrics: Metrics,
    tasks: Tasks,
    brain: Brain,
}

impl TargetHands {
    pub(crate) fn new(target: TargetName, leader: &Leader, brain: Brain) -> Self {
        Self {
            target,
            member: leader.member.clone(),
            desk: Arc::clone(&leader.desk),
            metrics: leader.metrics.clone(),
            tasks: leader.tasks.clone(),
            brain,
        }
    }

    /// Does what takes time and tells the brain what came of it, unless it has ended by then.
    fn spawn(&self, name: &'static str, work: impl Future<Output = Option<TargetEvent>> + Send + 'static) {
        let brain = self.brain.clone();
        self.tasks.spawn_supervised(name, async move {
            let told = async {
                if let Some(event) = work.await {
                    // A brain that has ended does not want to know.
                    let _ = brain.events.send(event).await;
                }
            };
            brain.ended.run_until_cancelled(told).await;
        });
    }

    fn propose(&self, kind: ChangeKind) {
        match &kind {
            ChangeKind::Poison { slice } => {
                warn!(target = %self.target, %slice, "poisoned: the owners of these keys crash one after the other");
            }
            ChangeKind::Release { slice } => {
                info!(target = %self.target, %slice, "no longer poisoned: the owners of these keys live");
            }
            ChangeKind::CreateTarget { .. }
            | ChangeKind::ConfigureTarget { .. }
            | ChangeKind::RegisterPod { .. }
            | ChangeKind::DrainPod { .. }
            | ChangeKind::RemovePod { .. }
            | ChangeKind::Assign { .. }
            | ChangeKind::Freeze { .. }
            | ChangeKind::Pin { .. }
            | ChangeKind::Unpin { .. } => {}
        }
        let (member, metrics, target) = (self.member.clone(), self.metrics.clone(), self.target.clone());
        self.spawn("proposal", async move {
            let change = Change {
                target: target.clone(),
                kind,
            };
            let outcome = match member.propose(change).await {
                Ok(applied) => Some(applied),
                Err(error) => {
                    warn!(%target, %error, "proposal failed");
                    None
                }
            };
            metrics.proposed(&target, outcome.as_ref());
            let state = member.state().borrow().target(&target).cloned()?;
            Some(TargetEvent::ProposalEnded { outcome, state })
        });
    }

    fn confirm_leadership(&self) {
        let (member, target) = (self.member.clone(), self.target.clone());
        self.spawn("leadership", async move {
            let confirmed = member.confirm_leadership().await;
            match &confirmed {
                Ok(()) => warn!(%target, "many pods fell at once; a quorum says that this member leads"),
                Err(error) => {
                    warn!(%target, %error, "many pods fell at once, and no quorum says that this member leads")
                }
            }
            let leads = confirmed.is_ok();
            Some(TargetEvent::LeadershipChecked { leads })
        });
    }

    fn probe(&self, pod: Pod) {
        let (metrics, target) = (self.metrics.clone(), self.target.clone());
        self.spawn("probe", async move {
            let outcome = probe(&pod.address, PROBE_DEADLINE).await;
            info!(%target, pod = %pod.name, address = %pod.address, ?outcome, "probed a suspected pod");
            metrics.probed(&target, outcome);
            Some(TargetEvent::Probed {
                pod: pod.name,
                incarnation: pod.incarnation,
                outcome,
            })
        });
    }
}

impl Hands<Witnessed> for TargetHands {
    async fn perform(&mut self, action: TargetAction) -> Option<TargetEvent> {
        match action {
            TargetAction::Propose(kind) => self.propose(kind),
            TargetAction::Probe(pod) => self.probe(pod),
            TargetAction::ConfirmLeadership => self.confirm_leadership(),
            TargetAction::Alert(alarm) => self.metrics.alerted(&self.target, alarm),
            TargetAction::PermitExit(session) => {
                if let Some(session) = self.desk.session(session) {
                    session.may_exit.cancel();
                }
            }
            TargetAction::Grant { session, rate } => {
                if let Some(session) = self.desk.session(session) {
                    session.store_grant.send_replace(Some(rate));
                }
            }
            TargetAction::Warm { session, slices } => {
                if let Some(session) = self.desk.session(session) {
                    session.warm_order.send_replace(slices);
                }
            }
            TargetAction::Close(session) => {
                if let Some(session) = self.desk.session(session) {
                    session.close.cancel();
                }
            }
            TargetAction::Explain(report) => {
                info!(target = %self.target, "{report}");
                self.metrics.decided(&self.target, &report);
            }
            TargetAction::Reply { id, reply } => self.desk.answer(id, reply),
        }
        None
    }
}
