//! The view of the cluster: its members, who leads, and one row for each target.

use std::collections::BTreeMap;

use emberkeep_core::assigner::ClusterState;
use emberkeep_core::target::TargetName;
use serde::Serialize;

use super::questions::AnswerVerdict;
use crate::raft::{Member, RaftStatus};

/// The cluster as one member sees it.
#[derive(Debug, Serialize)]
pub(super) struct ClusterView {
    /// The member that serves the page.
    member: u64,
    /// Absent while nobody leads.
    leader: Option<u64>,
    term: u64,
    members: Vec<MemberView>,
    targets: Vec<TargetRow>,
    /// Whether buttons are enabled.
    may_command: bool,
}

#[derive(Debug, Serialize)]
struct MemberView {
    id: u64,
    address: String,
}

/// One target in the overview.
#[derive(Debug, Serialize)]
struct TargetRow {
    name: String,
    pod_count: usize,
    slice_count: usize,
    is_frozen: bool,
    /// The worst answer when it was last observed; absent before that.
    verdict: Option<AnswerVerdict>,
}

impl ClusterView {
    /// `is_led` is whether the leader has answered: a follower without a quorum remembers a leader that is gone.
    pub(super) fn of(
        member: &Member,
        cluster: &ClusterState,
        verdicts: &BTreeMap<TargetName, AnswerVerdict>,
        is_led: bool,
        may_command: bool,
    ) -> Self {
        let RaftStatus { id, leader, term } = member.raft_status();
        let targets = cluster.targets().iter().map(|(name, state)| TargetRow {
            name: name.as_str().to_owned(),
            pod_count: state.pods.len(),
            slice_count: state.assignment.slices().slice_count(),
            is_frozen: state.is_frozen,
            verdict: verdicts.get(name).copied(),
        });
        let members = member.members().into_iter();
        Self {
            member: id,
            leader: leader.filter(|_| is_led),
            term,
            members: members.map(|(id, address)| MemberView { id, address }).collect(),
            targets: targets.collect(),
            may_command,
        }
    }
}
