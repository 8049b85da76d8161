//! Adding and removing members while the cluster runs.

use std::collections::{BTreeMap, BTreeSet};

use openraft::async_runtime::watch::WatchReceiver;
use openraft::{BasicNode, ChangeMembers};

use super::error::ProposeError;
use super::error_conversion;
use super::member::Member;
use super::member_id::MemberId;
use super::settings::check_address;

/// The Raft status of a member, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RaftStatus {
    /// The number of the answering member.
    pub id: MemberId,
    /// The leader, if one is known.
    pub leader: Option<MemberId>,
    /// The Raft term, which grows with each election.
    pub term: u64,
}

impl Member {
    /// The status of this member at this moment.
    pub fn raft_status(&self) -> RaftStatus {
        let metrics = self.node().metrics().borrow_watched().clone();
        RaftStatus {
            id: metrics.id,
            leader: metrics.current_leader,
            term: metrics.current_term,
        }
    }

    /// All members with their URLs, as this member sees them.
    pub fn members(&self) -> BTreeMap<MemberId, String> {
        let membership = self.node().metrics().borrow_watched().membership_config.clone();
        let nodes = membership.nodes();
        nodes
            .map(|(id, node)| (*id, self.addresses().address_of(*id, node)))
            .collect()
    }

    /// Adds a member that was started with an empty list of members. Returns once it has received the state and votes.
    ///
    /// # Errors
    /// As [`Member::propose`]; [`ProposeError::Rejected`] while another change of members is in progress.
    pub async fn add_member(&self, id: MemberId, address: String) -> Result<(), ProposeError> {
        check_address(&address).map_err(|reason| ProposeError::Rejected { reason })?;
        let change = async {
            let node = BasicNode::new(address);
            self.node()
                .add_learner(id, node, true)
                .await
                .map_err(|error| error_conversion::of_write(error, self.addresses()))?;
            self.change_voters(ChangeMembers::AddVoterIds(BTreeSet::from([id])))
                .await
        };
        self.within(self.settings().membership_timeout, change).await
    }

    /// Removes a member permanently: its number and its data folder must not be used again.
    ///
    /// A leader asked to remove itself transfers the leadership first and returns [`ProposeError::NotLeader`]: repeat
    /// the call at the new leader. The last member cannot be removed.
    ///
    /// # Errors
    /// As [`Member::add_member`].
    pub async fn remove_member(&self, id: MemberId) -> Result<(), ProposeError> {
        let change = async {
            if id == self.settings().id && self.leadership().borrow().is_leading() {
                return Err(self.transfer_leadership().await?);
            }
            self.change_voters(ChangeMembers::RemoveVoters(BTreeSet::from([id])))
                .await
        };
        self.within(self.settings().membership_timeout, change).await
    }

    async fn change_voters(&self, change: ChangeMembers<MemberId, BasicNode>) -> Result<(), ProposeError> {
        let changed = self.node().change_membership(change, false).await;
        changed
            .map(|_| ())
            .map_err(|error| error_conversion::of_write(error, self.addresses()))
    }

    /// Transfers the leadership to the voter with the longest log, and returns the redirect to it.
    async fn transfer_leadership(&self) -> Result<ProposeError, ProposeError> {
        let Some(successor) = self.successor() else {
            return Err(ProposeError::Rejected {
                reason: "the last member cannot be removed".to_owned(),
            });
        };
        let transferred = self.node().trigger().transfer_leader(successor).await;
        transferred.map_err(|_| ProposeError::Stopped)?;
        let mut leadership = self.leadership();
        let following = leadership.wait_for(|seen| seen.leader().is_some()).await;
        following
            .map_err(|_| ProposeError::Stopped)
            .map(|seen| ProposeError::NotLeader {
                leader: seen.leader().map(str::to_owned),
            })
    }

    fn successor(&self) -> Option<MemberId> {
        let metrics = self.node().metrics().borrow_watched().clone();
        let matched = metrics.replication.unwrap_or_default();
        let others = metrics.membership_config.voter_ids().filter(|id| *id != metrics.id);
        others.max_by_key(|id| (matched.get(id).copied().flatten(), std::cmp::Reverse(*id)))
    }
}
