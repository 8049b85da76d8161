//! The kinds of disruption.

use serde::Serialize;

/// The kind of a disruption.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// A pod got SIGKILL.
    Kill,
    /// The leading member of the assigner got SIGKILL.
    KillLeader,
    /// A pod got SIGTERM, and another one was started.
    Drain,
    /// Pods got SIGTERM, and others were started to take their places.
    Restart,
    /// A pod got SIGSTOP, and later SIGCONT.
    Stop,
    /// A pod was cut off from the network, and later connected again.
    Partition,
    /// A share of all requests went to one key from then on.
    HotKey,
    /// Pods were started or got SIGTERM: their number changed.
    Scale,
    /// All members of the assigner got SIGKILL, and were started again later.
    KillAssigners,
}

impl EventKind {
    /// The participle of the event, as in `pod-1 killed`.
    pub(super) const fn as_participle(self) -> &'static str {
        match self {
            Self::Kill | Self::KillLeader | Self::KillAssigners => "killed",
            Self::Drain => "drained",
            Self::Restart => "replaced",
            Self::Stop => "halted",
            Self::Partition => "cut off",
            Self::HotKey => "hot",
            Self::Scale => "scaled",
        }
    }
}
