//! The meters that a member's Raft updates itself; the role names and registers them.

use emberkeep_runtime::age_gauge::AgeGauge;
use prometheus::{Histogram, IntGauge};

/// Meters of disk and contact. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct RaftMeters {
    /// The duration of transactions that end with an fsync.
    pub(crate) fsync_seconds: Histogram,
    /// The size of the last snapshot on disk.
    pub(crate) snapshot_bytes: IntGauge,
    /// The time since a quorum last acknowledged this leader, or since this follower last received a message of the leader.
    pub(crate) quorum_contact: AgeGauge,
}
