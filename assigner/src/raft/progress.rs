//! The progress of a member's Raft at one moment, for metrics.

use std::collections::BTreeMap;

use openraft::Instant as _;
use openraft::ServerState;
use openraft::metrics::RaftMetrics;
use tokio::time::Instant;

use super::member_id::MemberId;
use super::type_config::TypeConfig;

/// Term, log positions and lag at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RaftProgress {
    /// The Raft term, which grows with each election.
    pub(crate) term: u64,
    /// The entries in the log that are not committed yet.
    pub(crate) commit_lag: u64,
    /// The committed entries that are not applied yet.
    pub(crate) apply_lag: u64,
    /// The entries that the log holds.
    pub(crate) log_len: u64,
    /// When a quorum last acknowledged this leader.
    pub(crate) acknowledged: QuorumContact,
    /// On the leader: the entries that each other member lacks.
    pub(crate) member_lags: BTreeMap<MemberId, u64>,
}

/// When a quorum last acknowledged a leader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum QuorumContact {
    /// It is the only member.
    Always,
    /// The other members acknowledged it.
    At(Instant),
    /// This member does not lead, or no quorum has acknowledged it yet.
    Unknown,
}

impl RaftProgress {
    pub(super) fn of(metrics: &RaftMetrics<TypeConfig>) -> Self {
        // The number of entries up to an index, which counts from 0.
        let count = |index: Option<u64>| index.map_or(0, |index| index + 1);
        let written = count(metrics.last_log_index);
        let committed = count(metrics.cluster_committed.as_ref().map(|id| id.index));
        let applied = count(metrics.last_applied.as_ref().map(|id| id.index));
        let purged = count(metrics.purged.as_ref().map(|id| id.index));
        let replication = metrics.replication.iter().flatten();
        let others = replication.filter(|(member, _)| **member != metrics.id);
        Self {
            term: metrics.current_term,
            commit_lag: written.saturating_sub(committed),
            apply_lag: committed.saturating_sub(applied),
            log_len: written.saturating_sub(purged),
            acknowledged: acknowledged(metrics),
            member_lags: others
                .map(|(member, matched)| {
                    let matched = count(matched.as_ref().map(|id| id.index));
                    (*member, written.saturating_sub(matched))
                })
                .collect(),
        }
    }
}

fn acknowledged(metrics: &RaftMetrics<TypeConfig>) -> QuorumContact {
    if metrics.state != ServerState::Leader {
        return QuorumContact::Unknown;
    }
    if metrics.membership_config.voter_ids().eq([metrics.id]) {
        return QuorumContact::Always;
    }
    let age = metrics.last_quorum_acked.as_ref().map(|at| at.elapsed());
    let at = age.and_then(|age| Instant::now().checked_sub(age));
    at.map_or(QuorumContact::Unknown, QuorumContact::At)
}
