//! The events and actions of a target's brain.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::cluster::{Applied, ChangeKind, TargetState};
use super::probe::ProbeOutcome;
use super::query::{Query, QueryId, QueryReply};
use super::trouble::Alarm;
use crate::balancer::DecisionReport;
use crate::keyspace::Slice;
use crate::load::LoadReport;
use crate::pod::{Incarnation, Pod, PodName, PodPhase};
use crate::rate::Rate;
use crate::warmth::Warmth;

/// The number of one session of a slicelet, unique for each leader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SessionId(pub u64);

/// An event. `S` is the form of the state: in full for a brain, as a difference in a recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "fields are named by their types")]
pub enum TargetEvent<S = Arc<TargetState>> {
    /// The replicated state of the target changed.
    Applied {
        /// The state after the change.
        state: S,
    },
    /// The replication of the last proposal ended.
    ProposalEnded {
        /// Its effect; `None` if that is unknown: it may still be applied later.
        outcome: Option<Applied>,
        /// The state at that time.
        state: S,
    },
    /// A slicelet opened a session and registered its pod.
    SessionOpened { session: SessionId, pod: Pod },
    /// A slicelet sent a heartbeat.
    HeartbeatReceived {
        session: SessionId,
        /// The phase that the pod reports.
        phase: PodPhase,
        /// The object store requests that it would make without a limit.
        store_demand: Rate,
        /// The warmth of the slices that it was ordered to warm up.
        warming: Vec<(Slice, Warmth)>,
    },
    /// A slicelet reported its load.
    LoadReported { session: SessionId, report: LoadReport },
    /// A session was closed by either side, or broke.
    SessionClosed { session: SessionId },
    /// A probe of a pod's address ended.
    Probed {
        pod: PodName,
        incarnation: Incarnation,
        outcome: ProbeOutcome,
    },
    /// A clerk could not reach a pod.
    UnreachableReported { pod: PodName, incarnation: Incarnation },
    /// A leadership check ended: a quorum of the members confirmed that this one leads, or did not.
    LeadershipChecked {
        /// Whether a quorum has confirmed it; false, too, if no quorum answered.
        leads: bool,
    },
    /// An operator's query arrived.
    QueryReceived { id: QueryId, query: Query },
    /// The `wake_at` of the previous step is reached.
    Woke,
}

impl<S> TargetEvent<S> {
    /// The same event with its state in another form.
    ///
    /// # Errors
    /// When `converted` fails.
    pub fn try_map_state<T, E>(self, converted: impl FnOnce(S) -> Result<T, E>) -> Result<TargetEvent<T>, E> {
        Ok(match self {
            TargetEvent::Applied { state } => TargetEvent::Applied {
                state: converted(state)?,
            },
            TargetEvent::ProposalEnded { outcome, state } => TargetEvent::ProposalEnded {
                outcome,
                state: converted(state)?,
            },
            TargetEvent::SessionOpened { session, pod } => TargetEvent::SessionOpened { session, pod },
            TargetEvent::HeartbeatReceived {
                session,
                phase,
                store_demand,
                warming,
            } => TargetEvent::HeartbeatReceived {
                session,
                phase,
                store_demand,
                warming,
            },
            TargetEvent::LoadReported { session, report } => TargetEvent::LoadReported { session, report },
            TargetEvent::SessionClosed { session } => TargetEvent::SessionClosed { session },
            TargetEvent::Probed {
                pod,
                incarnation,
                outcome,
            } => TargetEvent::Probed {
                pod,
                incarnation,
                outcome,
            },
            TargetEvent::UnreachableReported { pod, incarnation } => {
                TargetEvent::UnreachableReported { pod, incarnation }
            }
            TargetEvent::LeadershipChecked { leads } => TargetEvent::LeadershipChecked { leads },
            TargetEvent::QueryReceived { id, query } => TargetEvent::QueryReceived { id, query },
            TargetEvent::Woke => TargetEvent::Woke,
        })
    }
}

/// A command to the hands.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "fields are named by their types")]
pub enum TargetAction {
    /// Replicate a change, then send [`TargetEvent::ProposalEnded`].
    Propose(ChangeKind),
    /// Connect to the pod's address, then send [`TargetEvent::Probed`].
    Probe(Pod),
    /// Ask a quorum of the assigner's members whether this one leads, then send [`TargetEvent::LeadershipChecked`].
    ConfirmLeadership,
    /// Set the gauges to be alerted on.
    Alert(Alarm),
    /// Permit the pod to exit: it owns no slices any more.
    PermitExit(SessionId),
    /// Grant the pod a share of the object store budget.
    Grant {
        session: SessionId,
        /// Object store requests; `None` is unlimited.
        rate: Option<Rate>,
    },
    /// Order the pod to warm up these slices, and no others.
    Warm {
        session: SessionId,
        /// All slices to warm up, in key order.
        slices: Vec<Slice>,
    },
    /// Close the session: a newer one of the same pod has replaced it, or the pod was declared dead.
    Close(SessionId),
    /// Log and count a decision.
    Explain(Arc<DecisionReport>),
    /// Count a decision that changes nothing.
    ExplainIdle(DecisionReport),
    /// Send the reply to a query.
    Reply { id: QueryId, reply: QueryReply },
}

impl TargetAction {
    /// The proposed change, if this is a [`TargetAction::Propose`].
    #[must_use]
    pub const fn proposal(&self) -> Option<&ChangeKind> {
        match self {
            TargetAction::Propose(kind) => Some(kind),
            TargetAction::Probe(_)
            | TargetAction::ConfirmLeadership
            | TargetAction::Alert(_)
            | TargetAction::PermitExit(_)
            | TargetAction::Grant { .. }
            | TargetAction::Warm { .. }
            | TargetAction::Close(_)
            | TargetAction::Explain(_)
            | TargetAction::ExplainIdle(_)
            | TargetAction::Reply { .. } => None,
        }
    }
}
