//! What can be done to a cluster.

use serde::Serialize;

/// Something that was done to the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum EventKind {
    /// A pod got SIGKILL.
    Kill,
    /// The leading member of the assigner got SIGKILL.
    KillLeader,
    /// A pod got SIGTERM, and another one was started.
    Drain,
    /// Pods got SIGTERM, and others were started to take their places.
    Restart,
    /// A pod got SIGSTOP, and SIGCONT a while later.
    Stop,
    /// A pod was cut off for a while.
    Partition,
    /// A key got hot.
    HotKey,
    /// Pods were started, or got SIGTERM, so that there are more or fewer.
    Scale,
    /// All members of the assigner got SIGKILL, and were started again a while later.
    KillAssigners,
}

impl EventKind {
    /// What was done to those whom it struck, for people.
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
