//! The events of a session.

use std::sync::Arc;

use crate::assignment::{Assignment, Update};
use crate::keyspace::Slice;
use crate::rate::Rate;
use crate::session_settings::SessionSettings;
use crate::slicelet::{Hottest, RangeCounts};
use crate::target::KeyMode;
use crate::warmth::Warmth;

/// An event of the session. `connection` is the number of a [`SessionAction::Connect`](super::SessionAction::Connect): events of a
/// connection that was replaced are ignored.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(
    missing_docs,
    reason = "the names of `connection`, `slice` and `assignment` are complete"
)]
pub enum SessionEvent {
    /// The assigner accepted the registration.
    Connected { connection: u64, settings: SessionSettings },
    /// The connection could not be opened, or has ended.
    ConnectionLost { connection: u64 },
    /// The assigner ended the connection because another member leads.
    LeaderHinted {
        connection: u64,
        /// The URL of the leading member.
        leader: Arc<str>,
    },
    /// The assigner sent an assignment, or a diff to the one before.
    UpdateReceived { connection: u64, update: Update },
    /// The assigner reports that the pod owns nothing any more.
    MayExitReceived { connection: u64 },
    /// The assigner listed the slices that the pod must warm; earlier lists are void.
    WarmingOrdered { connection: u64, slices: Vec<Slice> },
    /// Progress of a [`SessionAction::Pull`](super::SessionAction::Pull).
    Warmed {
        slice: Slice,
        /// The warmth reached so far.
        warmth: Warmth,
    },
    /// The assigner divided the store requests of the target among its pods.
    StoreGranted {
        connection: u64,
        /// This pod's share; `None` is no limit.
        rate: Option<Rate>,
    },
    /// Another pod sent the assignment that it holds.
    PeerAssignmentReceived {
        assignment: Arc<Assignment>,
        /// How application keys become slice keys.
        key_mode: KeyMode,
    },
    /// The outcome of [`SessionAction::Publish`](super::SessionAction::Publish).
    Published {
        /// The last counts under the ownership that was replaced.
        counts: RangeCounts,
    },
    /// The outcome of [`SessionAction::CollectCounts`](super::SessionAction::CollectCounts).
    Counted {
        /// The counts under the ownership that is published.
        counts: RangeCounts,
        /// Snapshots of the sketches of the hottest keys.
        sketches: Vec<Hottest>,
        /// The warm bytes of each range, by range number, if they were measured since the last time.
        memory: Option<Vec<u64>>,
    },
    /// A drain is requested: the process is to stop.
    DrainRequested,
    /// The `wake_at` of the previous step is reached.
    Woke,
}
