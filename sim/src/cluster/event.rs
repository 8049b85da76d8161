//! What is under way in a simulated cluster.

use std::sync::Arc;

use emberkeep_core::assigner::{ChangeKind, ProbeOutcome, SessionId};
use emberkeep_core::assignment::{Assignment, Generation};
use emberkeep_core::keyspace::Slice;
use emberkeep_core::load::LoadReport;
use emberkeep_core::pod::{Incarnation, Pod, PodPhase};
use emberkeep_core::slicelet;
use emberkeep_core::warmth::Warmth;

/// What will happen at its time.
#[derive(Debug)]
pub(super) enum Pending {
    /// The leading brain may want to be woken.
    AssignerAlarm,
    /// A pod may want to be woken.
    PodAlarm(Life),
    /// A message of a pod reaches the assigner.
    ToAssigner(FromPod),
    /// A message reaches a pod.
    ToPod(Life, slicelet::SessionEvent),
    /// A pod itself notes something.
    InPod(Life, slicelet::SessionEvent),
    /// The assigner's side of a session has ended.
    SessionEnded { term: u64, session: SessionId },
    /// A proposal has been replicated.
    Replicated {
        /// The leader that proposed it; `None` for an operator.
        term: Option<u64>,
        change: ChangeKind,
    },
    /// A leader gives up waiting for its proposal; it may have taken effect or not.
    ProposalFailed { term: u64 },
    /// A probe came back.
    Probed { term: u64, pod: Pod, outcome: ProbeOutcome },
    /// A quorum was asked whether the leader of that term leads.
    LeadershipChecked { term: u64, leads: bool },
    /// Clients learn of an assignment.
    ToClients(Arc<Assignment>),
    /// A connection on which nothing was heard is given up, if it is still the same silence.
    SilenceEnds { life: Life, silence: u64 },
    /// A member leads.
    Elected { term: u64 },
}

/// One life of the pod at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Life {
    pub(super) place: usize,
    pub(super) incarnation: Incarnation,
}

/// What a pod says on one of its connections.
#[derive(Debug)]
pub(super) struct FromPod {
    pub(super) line: Line,
    pub(super) message: Message,
}

/// One connection of one life of a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Line {
    pub(super) life: Life,
    pub(super) connection: u64,
}

/// What a pod says.
#[derive(Debug)]
pub(super) enum Message {
    Register {
        known: Generation,
    },
    Heartbeat {
        phase: PodPhase,
        warming: Vec<(Slice, Warmth)>,
    },
    LoadReport(LoadReport),
    /// Its side has closed the connection.
    Closed,
}
