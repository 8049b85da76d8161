//! The drain of a pod: how long it serves after its stop was requested.

use std::time::Duration;

use crate::pod::PodPhase;
use crate::time::Timestamp;

/// The state of the drain, which begins once and never reverts.
///
/// ```text
/// NotRequested --DrainRequested--> Requested --no slices for 1 s, nothing moved for the timeout--> Done
///       +-------------------- MayExitReceived, also from Requested --------------------------------^
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Drain {
    NotRequested,
    Requested { at: Timestamp, moved_at: Timestamp },
    Done,
}

/// How long a draining pod without slices still serves: an assignment under way may assign some.
const DRAIN_NOTICE: Duration = Duration::from_secs(1);

impl Drain {
    /// The phase that heartbeats carry.
    pub(super) const fn phase(self) -> PodPhase {
        match self {
            Self::NotRequested => PodPhase::Ready,
            Self::Requested { .. } | Self::Done => PodPhase::Draining,
        }
    }

    /// The process is to stop; returns whether this was the first request.
    pub(super) fn request(&mut self, now: Timestamp) -> bool {
        let is_first = *self == Self::NotRequested;
        if is_first {
            // ## NotRequested -> Requested
            *self = Self::Requested { at: now, moved_at: now };
        }
        is_first
    }

    /// A slice has moved away, so the drain timeout starts over.
    pub(super) const fn on_slice_moved(&mut self, now: Timestamp) {
        if let Self::Requested { moved_at, .. } = self {
            *moved_at = now;
        }
    }

    /// The pod may exit; returns whether the drain was not done before.
    pub(super) const fn finish(&mut self) -> bool {
        // ## NotRequested, Requested -> Done
        match std::mem::replace(self, Self::Done) {
            Self::NotRequested | Self::Requested { .. } => true,
            Self::Done => false,
        }
    }

    /// When the drain is over if no slice moves.
    pub(super) fn ends_at(self, owns_nothing: bool, timeout: Duration) -> Timestamp {
        match self {
            Self::Requested { at, .. } if owns_nothing => at + DRAIN_NOTICE.min(timeout),
            Self::Requested { moved_at, .. } => moved_at + timeout,
            Self::NotRequested | Self::Done => Timestamp::NEVER,
        }
    }
}
