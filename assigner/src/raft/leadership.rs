//! Who leads, as one member knows it, and when it may act as the leader itself.

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

/// Who leads, as one member knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leadership {
    /// This member leads, its state holds all that was ever acknowledged, and a quorum answers it.
    Leading {
        /// Grows with each time that a member becomes leader.
        term: u64,
    },
    /// This member does not lead, or not yet, or not surely.
    Following {
        /// Where the leader is, if one is known.
        leader: Option<String>,
    },
    /// This member has stopped, for good.
    Stopped,
}

impl Leadership {
    /// True while this member may act as the leader.
    pub fn is_leading(&self) -> bool {
        matches!(self, Self::Leading { .. })
    }

    /// Where another member leads, if that is known.
    pub fn leader(&self) -> Option<&str> {
        match self {
            Self::Following { leader } => leader.as_deref(),
            Self::Leading { .. } | Self::Stopped => None,
        }
    }
}

/// Tells this member's readers who leads, from what openraft says about itself.
pub(super) struct Herald {
    pub(super) metrics: WatchReceiverOf<TypeConfig, RaftMetrics<TypeConfig>>,
    pub(super) addresses: AddressBook,
    /// A leader without a quorum for this long is none.
    pub(super) lease: Duration,
    pub(super) readers: watch::Sender<Leadership>,
}

impl Herald {
    /// Runs until openraft stops.
    pub(super) async fn run(mut self) {
        while self.tell() {
            // A leader that is cut off hears nothing more: look again when its lease would run out.
            if let Ok(Err(_)) = tokio::time::timeout(self.lease, self.metrics.changed()).await {
                break;
            }
        }
        self.readers.send_replace(Leadership::Stopped);
    }

    /// Tells the news, if there are any; false once openraft has stopped.
    fn tell(&mut self) -> bool {
        let metrics = self.metrics.borrow_and_update().clone();
        if let Err(stopped) = &metrics.running_state {
            error!(member = metrics.id, reason = %stopped, "raft stopped");
            return false;
        }
        let seen = seen_in(&metrics, &self.addresses, self.lease);
        self.readers.send_if_modified(|told| {
            let is_news = *told != seen;
            if is_news {
                info!(member = metrics.id, term = metrics.current_term, leadership = ?seen, "leadership changed");
                *told = seen;
            }
            is_news
        });
        true
    }
}

fn seen_in(metrics: &RaftMetrics<TypeConfig>, addresses: &AddressBook, lease: Duration) -> Leadership {
    if metrics.state == ServerState::Leader {
        return match is_current(metrics) && has_quorum(metrics, lease) {
            true => Leadership::Leading {
                term: metrics.current_term,
            },
            false => Leadership::Following { leader: None },
        };
    }
    let leader = metrics.current_leader.filter(|leader| *leader != metrics.id);
    let address = leader.and_then(|leader| {
        let node = metrics.membership_config.get_node(&leader)?;
        Some(addresses.address_of(leader, node))
    });
    Leadership::Following { leader: address }
}

/// A leader begins its term with an empty entry: once that is applied, so is everything acknowledged before.
fn is_current(metrics: &RaftMetrics<TypeConfig>) -> bool {
    let applied = metrics.last_applied.as_ref();
    applied.is_some_and(|applied| applied.leader_id.term == metrics.current_term)
}

fn has_quorum(metrics: &RaftMetrics<TypeConfig>, lease: Duration) -> bool {
    let mut voters = metrics.membership_config.voter_ids();
    let is_alone = voters.next() == Some(metrics.id) && voters.next().is_none();
    let answered = metrics.last_quorum_acked.as_ref();
    is_alone || answered.is_some_and(|at| at.elapsed() < lease)
}
