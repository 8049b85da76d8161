//! The hands of the assigner's brain: they perform its actions.

use std::sync::Arc;

use emberkeep_core::assigner::{Change, ChangeKind, PROBE_DEADLINE, TargetAction, TargetEvent};
use emberkeep_core::pod::Pod;
use emberkeep_core::target::TargetName;
use emberkeep_runtime::driver::Hands;
use emberkeep_runtime::tasks::Tasks;
use tracing::{debug, info, warn};

use crate::decision_trace::{in_proposal, proposal_span, record_decision};
use crate::measured_brain::MeasuredBrain;
use crate::metrics::Metrics;
use crate::probe::probe;
use crate::raft::Member;
use crate::session_registry::{BrainHandle, SessionRegistry};

/// Performs the actions of the brain of one target.
pub(crate) struct TargetHands {
    pub(crate) target: TargetName,
    pub(crate) member: Member,
    pub(crate) registry: Arc<SessionRegistry>,
    pub(crate) metrics: Metrics,
    pub(crate) tasks: Tasks,
    pub(crate) brain: BrainHandle,
}

impl TargetHands {
    /// Spawns an action that takes time, and sends its outcome to the brain unless the term has ended by then.
    fn spawn(&self, name: &'static str, work: impl Future<Output = Option<TargetEvent>> + Send + 'static) {
        let brain = self.brain.clone();
        self.tasks.spawn_supervised(name, async move {
            let report = async {
                if let Some(event) = work.await {
                    // Fails only when the brain has ended.
                    let _ = brain.events.send(event).await;
                }
            };
            brain.ended.run_until_cancelled(report).await;
        });
    }

    fn propose(&self, kind: ChangeKind) {
        match &kind {
            ChangeKind::Poison { slice } => {
                warn!(target = %self.target, %slice, "keys poisoned: their owners crashed one after the other");
            }
            ChangeKind::Release { slice } => {
                info!(target = %self.target, %slice, "keys no longer poisoned: their owners stay alive");
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
            let span = proposal_span(&change);
            let outcome = match in_proposal(span, member.propose(change)).await {
                Ok(applied) => Some(applied),
                Err(error) => {
                    warn!(%target, %error, "proposal failed");
                    None
                }
            };
            metrics.record_proposal(&target, outcome.as_ref());
            let state = member.state().borrow().target(&target).cloned()?;
            Some(TargetEvent::ProposalEnded { outcome, state })
        });
    }

    fn confirm_leadership(&self) {
        let (member, target) = (self.member.clone(), self.target.clone());
        self.spawn("leadership", async move {
            let confirmed = member.confirm_leadership().await;
            match &confirmed {
                Ok(()) => warn!(%target, "many pods failed at once; a quorum confirmed the leadership of this member"),
                Err(error) => {
                    warn!(%target, %error, "many pods failed at once, and no quorum confirmed the leadership of this member")
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
            debug!(%target, pod = %pod.name, address = %pod.address, ?outcome, "probed a suspect pod");
            metrics.record_probe(&target, outcome);
            Some(TargetEvent::Probed {
                pod: pod.name,
                incarnation: pod.incarnation,
                outcome,
            })
        });
    }
}

impl Hands<MeasuredBrain> for TargetHands {
    async fn perform(&mut self, action: TargetAction) -> Option<TargetEvent> {
        match action {
            TargetAction::Propose(kind) => self.propose(kind),
            TargetAction::Probe(pod) => self.probe(pod),
            TargetAction::ConfirmLeadership => self.confirm_leadership(),
            TargetAction::Alert(alarm) => self.metrics.record_alarm(&self.target, alarm),
            TargetAction::PermitExit(session) => {
                if let Some(session) = self.registry.session(session) {
                    session.may_exit.cancel();
                }
            }
            TargetAction::Grant { session, rate } => {
                if let Some(session) = self.registry.session(session) {
                    session.store_grant.send_replace(Some(rate));
                }
            }
            TargetAction::Warm { session, slices } => {
                if let Some(session) = self.registry.session(session) {
                    session.warm_order.send_replace(slices);
                }
            }
            TargetAction::Close(session) => {
                if let Some(session) = self.registry.session(session) {
                    session.close.cancel();
                }
            }
            TargetAction::Explain(report) => {
                record_decision(&self.target, &report);
                info!(target = %self.target, "{report}");
                self.metrics.record_decision(&self.target, &report);
            }
            TargetAction::ExplainIdle(report) => self.metrics.record_idle_decision(&self.target, &report),
            TargetAction::Reply { id, reply } => self.registry.complete_query(id, reply),
        }
        None
    }
}
