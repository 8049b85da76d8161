//! Adding and removing members while the cluster runs.

use std::collections::{BTreeMap, BTreeSet};

use openraft::async_runtime::watch::WatchReceiver;
use openraft::{BasicNode, ChangeMembers};

use super::error::ProposeError;
use super::member::Member;
use super::refusal;
use super::settings::{MemberId, check_address};

/// Who leads, by number, as one member knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The member that is asked.
    pub id: MemberId,
    /// The member that leads, if one is known.
    pub leader: Option<MemberId>,
    /// Grows with each election.
    pub term: u64,
}

impl Member {
    /// Who this member is, and who leads.
    pub fn standing(&self) -> Standing {
        let metrics = self.node().metrics().borrow_watched().clone();
        Standing {
            id: metrics.id,
            leader: metrics.current_leader,
            term: metrics.current_term,
        }
    }

    /// All members with their addresses, as this member knows them.
    pub fn members(&self) -> BTreeMap<MemberId, String> {
        let membership = self.node().metrics().borrow_watched().membership_config.clone();
        let nodes = membership.nodes();
        nodes
            .map(|(id, node)| (*id, self.addresses().address_of(*id, node)))
            .collect()
    }

    /// Adds a member that was started with an empty list of members. Returns once it has the state and votes.
    ///
    /// # Errors
    /// As [`Member::propose`]; [`ProposeError::Refused`] while another change of members is under way.
    pub async fn add_member(&self, id: MemberId, address: String) -> Result<(), ProposeError> {
        check_address(&address).map_err(|reason| ProposeError::Refused { reason })?;
        let change = async {
            let node = BasicNode::new(address);
            self.node()
                .add_learner(id, node, true)
                .await
                .map_err(|error| refusal::of_write(error, self.addresses()))?;
            self.change_voters(ChangeMembers::AddVoterIds(BTreeSet::from([id])))
                .await
        };
        self.within(self.settings().membership_timeout, change).await
    }

    /// Removes a member for good: its folder and its number must not come back.
    ///
    /// A leader that is to remove itself hands over to another member first and answers [`ProposeError::NotLeader`]:
    /// ask the new leader. The last member cannot be removed.
    ///
    /// # Errors
    /// As [`Member::add_member`].
    pub async fn remove_member(&self, id: MemberId) -> Result<(), ProposeError> {
        let change = async {
            if id == self.settings().id && self.leadership().borrow().is_leading() {
                return Err(self.hand_over().await?);
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
            .map_err(|error| refusal::of_write(error, self.addresses()))
    }

    /// Makes the voter with the longest log the leader, and says where it is.
    async fn hand_over(&self) -> Result<ProposeError, ProposeError> {
        let Some(heir) = self.heir() else {
            return Err(ProposeError::Refused {
                reason: "the last member cannot be removed".to_owned(),
            });
        };
        let handed_over = self.node().trigger().transfer_leader(heir).await;
        handed_over.map_err(|_| ProposeError::Stopped)?;
        let mut leadership = self.leadership();
        let followed = leadership.wait_for(|seen| seen.leader().is_some()).await;
        followed
            .map_err(|_| ProposeError::Stopped)
            .map(|seen| ProposeError::NotLeader {
                leader: seen.leader().map(str::to_owned),
            })
    }

    fn heir(&self) -> Option<MemberId> {
        let metrics = self.node().metrics().borrow_watched().clone();
        let matched = metrics.replication.unwrap_or_default();
        let others = metrics.membership_config.voter_ids().filter(|id| *id != metrics.id);
        others.max_by_key(|id| (matched.get(id).copied().flatten(), std::cmp::Reverse(*id)))
    }
}
