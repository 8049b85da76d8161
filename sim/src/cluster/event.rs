//! The scheduled events of a simulated cluster, and the messages of its pods.

use std::sync::Arc;

use emberkeep_core::assigner::{ChangeKind, ProbeOutcome, SessionId};
use emberkeep_core::assignment::{Assignment, Generation};
use emberkeep_core::keyspace::Slice;
use emberkeep_core::load::LoadReport;
use emberkeep_core::pod::{Incarnation, Pod, PodPhase};
use emberkeep_core::slicelet;
use emberkeep_core::warmth::Warmth;

/// An event that is executed at its time.
#[derive(Debug)]
pub(super) enum Pending {
    /// The wake-up timer of the leading brain may be due.
    WakeAssigner,
    /// The wake-up timer of a pod may be due.
    WakePod(SimIncarnation),
    /// A message of a pod reaches the assigner.
    ToAssigner(FromPod),
    /// A message reaches a pod.
    ToPod(SimIncarnation, slicelet::SessionEvent),
    /// An event arises inside a pod.
    InPod(SimIncarnation, slicelet::SessionEvent),
    /// The assigner's side of a session has ended.
    SessionEnded { term: u64, session: SessionId },
    /// A proposal has been replicated.
    Replicated {
        /// The term of the leader that proposed it; `None` for an operator.
        term: Option<u64>,
        change: ChangeKind,
    },
    /// A leader's proposal times out; it may have taken effect or not.
    ProposalFailed { term: u64 },
    /// The result of a probe reaches the leader.
    Probed { term: u64, pod: Pod, outcome: ProbeOutcome },
    /// The answer of a quorum whether the leader of that term still leads.
    LeadershipChecked { term: u64, leads: bool },
    /// Clients receive an assignment.
    ToClients(Arc<Assignment>),
    /// The keepalive timeout of an unreachable pod is over, unless another silence has started since.
    SilenceOver { incarnation: SimIncarnation, silence: u64 },
    /// A member becomes leader.
    Elected { term: u64 },
}

/// One incarnation of the pod at a index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SimIncarnation {
    pub(super) index: usize,
    pub(super) number: Incarnation,
}

/// A message of a pod, with the connection it was sent on.
#[derive(Debug)]
pub(super) struct FromPod {
    pub(super) connection: PodConnection,
    pub(super) message: PodMessage,
}

/// One connection of one incarnation of a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PodConnection {
    pub(super) incarnation: SimIncarnation,
    /// The number that the events of this connection carry.
    pub(super) number: u64,
}

/// The messages of a pod.
#[derive(Debug)]
pub(super) enum PodMessage {
    Register {
        known: Generation,
    },
    Heartbeat {
        phase: PodPhase,
        warming: Vec<(Slice, Warmth)>,
    },
    LoadReport(LoadReport),
    /// The pod has closed the connection.
    Closed,
}
