//! Leadership: which member leads, and when this member may act as the leader.
//!
//! ```text
//! Following --own term applied, a quorum answers--> Leading --lease expired or another leader--> Following
//! Following, Leading --openraft stops--> Stopped
//! ```

use std::time::Duration;

use openraft::Instant;
use openraft::ServerState;
use openraft::async_runtime::watch::WatchReceiver;
use openraft::metrics::RaftMetrics;
use openraft::type_config::alias::WatchReceiverOf;
use tokio::sync::watch;
use tracing::{error, info};

use super::network::AddressBook;
use super::type_config::TypeConfig;

/// The leadership of the cluster as one member sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leadership {
    /// This member leads: its state contains every acknowledged change, and a quorum answers it.
    Leading {
        /// The Raft term, which grows with each election.
        term: u64,
    },
    /// This member does not lead, or its leadership is not confirmed.
    Following {
        /// The leader's URL, if another member is known to lead.
        leader: Option<String>,
    },
    /// openraft has stopped. Final.
    Stopped,
}

impl Leadership {
    /// Whether this member may act as the leader.
    pub fn is_leading(&self) -> bool {
        matches!(self, Self::Leading { .. })
    }

    /// The URL of another member that leads, if known.
    pub fn leader(&self) -> Option<&str> {
        match self {
            Self::Following { leader } => leader.as_deref(),
            Self::Leading { .. } | Self::Stopped => None,
        }
    }
}

/// Derives the leadership from openraft's metrics and publishes it.
pub(super) struct LeadershipWatcher {
    pub(super) metrics: WatchReceiverOf<TypeConfig, RaftMetrics<TypeConfig>>,
    pub(super) addresses: AddressBook,
    /// A leader that no quorum has answered for this long counts as not leading.
    pub(super) lease: Duration,
    pub(super) readers: watch::Sender<Leadership>,
}

impl LeadershipWatcher {
    /// Runs until openraft stops.
    pub(super) async fn run(mut self) {
        while self.publish() {
            // The metrics of an isolated leader do not change: check again when its lease expires.
            if let Ok(Err(_)) = tokio::time::timeout(self.lease, self.metrics.changed()).await {
                break;
            }
        }
        // ## Following, Leading -> Stopped: openraft has stopped
        self.readers.send_replace(Leadership::Stopped);
    }

    /// Publishes the leadership if it has changed; false once openraft has stopped.
    fn publish(&mut self) -> bool {
        let metrics = self.metrics.borrow_and_update().clone();
        if let Err(stopped) = &metrics.running_state {
            error!(member = metrics.id, reason = %stopped, "raft stopped");
            return false;
        }
        let current = leadership_of(&metrics, &self.addresses, self.lease);
        self.readers.send_if_modified(|published| {
            let has_changed = *published != current;
            if has_changed {
                info!(member = metrics.id, term = metrics.current_term, leadership = ?current, "leadership changed");
                *published = current;
            }
            has_changed
        });
        true
    }
}

fn leadership_of(metrics: &RaftMetrics<TypeConfig>, addresses: &AddressBook, lease: Duration) -> Leadership {
    if metrics.state == ServerState::Leader {
        return match has_applied_own_term(metrics) && has_quorum(metrics, lease) {
            // ## Following -> Leading: its own term is applied, and a quorum answers
            true => Leadership::Leading {
                term: metrics.current_term,
            },
            // ## Leading -> Following: the lease has expired
            false => Leadership::Following { leader: None },
        };
    }
    let leader = metrics.current_leader.filter(|leader| *leader != metrics.id);
    let address = leader.and_then(|leader| {
        let node = metrics.membership_config.get_node(&leader)?;
        Some(addresses.address_of(leader, node))
    });
    // ## Leading -> Following: another member leads, or none
    Leadership::Following { leader: address }
}

/// A leader starts its term with an empty entry: once it is applied, so is every earlier acknowledged entry.
fn has_applied_own_term(metrics: &RaftMetrics<TypeConfig>) -> bool {
    let applied = metrics.last_applied.as_ref();
    applied.is_some_and(|applied| applied.leader_id.term == metrics.current_term)
}

fn has_quorum(metrics: &RaftMetrics<TypeConfig>, lease: Duration) -> bool {
    let mut voters = metrics.membership_config.voter_ids();
    let is_alone = voters.next() == Some(metrics.id) && voters.next().is_none();
    let answered = metrics.last_quorum_acked.as_ref();
    is_alone || answered.is_some_and(|at| at.elapsed() < lease)
}
