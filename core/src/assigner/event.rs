//! What the brain of the assigner is told, and what it wants.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::cluster::{Applied, ChangeKind, TargetState};
use super::health::ProbeOutcome;
use super::query::{Query, QueryId, QueryReply};
use super::trouble::Alarm;
use crate::balancer::DecisionReport;
use crate::keyspace::Slice;
use crate::load::LoadReport;
use crate::pod::{Incarnation, Pod, PodName, PodPhase};
use crate::rate::Rate;
use crate::warmth::Warmth;

/// One session of a slicelet; the hands draw a new number for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SessionId(pub u64);

/// What happened. `S` is how the state is told: in full to a brain, as what changed in a recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum TargetEvent<S = Arc<TargetState>> {
    /// The replicated state of the target changed.
    Applied {
        /// What it is now.
        state: S,
    },
    /// The proposal that was made is decided; without an outcome it may or may not take effect later.
    ProposalEnded {
        /// What it did.
        outcome: Option<Applied>,
        /// What the state is now.
        state: S,
    },
    /// A slicelet registered.
    SessionOpened {
        /// Its session.
        session: SessionId,
        /// Its pod.
        pod: Pod,
    },
    /// A slicelet said that it is alive.
    HeartbeatReceived {
        /// Its session.
        session: SessionId,
        /// What it says about itself.
        phase: PodPhase,
        /// How many requests of the object store it would make if it were let.
        store_demand: Rate,
        /// How far it is with the slices that it gets ready.
        warming: Vec<(Slice, Warmth)>,
    },
    /// A slicelet said how loaded it is.
    LoadReported {
        /// Its session.
        session: SessionId,
        /// What it measured.
        report: LoadReport,
    },
    /// A session ended, from whichever side.
    SessionClosed {
        /// Which.
        session: SessionId,
    },
    /// A probe came back.
    Probed {
        /// Which pod.
        pod: PodName,
        /// Which life of it.
        incarnation: Incarnation,
        /// What was found.
        outcome: ProbeOutcome,
    },
    /// A clerk could not reach a pod.
    UnreachableReported {
        /// Which pod.
        pod: PodName,
        /// Which life of it.
        incarnation: Incarnation,
    },
    /// A quorum of the assigner's members was asked whether this one leads.
    LeadershipChecked {
        /// Whether it does; false, too, if no quorum answered.
        leads: bool,
    },
    /// Somebody wants to know something.
    QueryReceived {
        /// What the answer is to name.
        id: QueryId,
        /// What.
        query: Query,
    },
    /// The time that the brain had asked for has come.
    Woke,
}

impl<S> TargetEvent<S> {
    /// The same event with its state told in another way.
    ///
    /// # Errors
    /// When `told` fails.
    pub fn try_map_state<T, E>(self, told: impl FnOnce(S) -> Result<T, E>) -> Result<TargetEvent<T>, E> {
        Ok(match self {
            TargetEvent::Applied { state } => TargetEvent::Applied { state: told(state)? },
            TargetEvent::ProposalEnded { outcome, state } => TargetEvent::ProposalEnded {
                outcome,
                state: told(state)?,
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

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetAction {
    /// Replicate a change, and answer with [`TargetEvent::ProposalEnded`].
    Propose(ChangeKind),
    /// See whether the pod's address answers, and say so by [`TargetEvent::Probed`].
    Probe(Pod),
    /// Ask a quorum of the assigner's members whether this one leads, and answer with [`TargetEvent::LeadershipChecked`].
    ConfirmLeadership,
    /// Make what is wrong known, in the place of what was before.
    Alert(Alarm),
    /// Tell the slicelet that its pod owns nothing any more and may stop.
    PermitExit(SessionId),
    /// Tell the slicelet how many requests of the object store its pod may make.
    Grant {
        /// Its session.
        session: SessionId,
        /// Its share of what all pods may make together; `None` is any number.
        rate: Option<Rate>,
    },
    /// Tell the slicelet which slices its pod is to get ready now: these and no others.
    Warm {
        /// Its session.
        session: SessionId,
        /// The slices, in key order.
        slices: Vec<Slice>,
    },
    /// End the session; a newer life of the pod has come, or this one was declared dead.
    Close(SessionId),
    /// Make the reasons of a decision known.
    Explain(DecisionReport),
    /// Tell whoever asked.
    Reply {
        /// The question.
        id: QueryId,
        /// What it is answered with.
        reply: QueryReply,
    },
}

impl TargetAction {
    /// The change, if this proposes one.
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
            | TargetAction::Reply { .. } => None,
        }
    }
}
