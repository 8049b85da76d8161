//! The Raft member of this process: proposals, replicated state, leadership.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use emberkeep_core::assigner::{Applied, Change, ClusterState};
use emberkeep_proto::raft::raft_transport_server::RaftTransportServer;
use openraft::async_runtime::watch::WatchReceiver;
use openraft::errors::{InitializeError, RaftError as NodeError};
use openraft::{BasicNode, Raft, ReadPolicy};
use tokio::sync::{Mutex, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use super::disk::{Disk, FILE_NAME};
use super::error::{ProposeError, RaftError};
use super::error_conversion;
use super::leadership::{Leadership, LeadershipWatcher};
use super::log_store::LogStore;
use super::meters::RaftMeters;
use super::network::{AddressBook, MESSAGE_BYTES_MAX, Network, PROPOSAL_BYTES_MAX};
use super::progress::RaftProgress;
use super::raft_node::RaftNode;
use super::settings::RaftSettings;
use super::snapshot_store::SnapshotStore;
use super::state_machine::StateMachine;
use super::transport::Transport;
use super::type_config::ProposedChange;

/// The deadline of [`Member::shutdown`] for the last reader of the file to end.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// A handle on the Raft member of this process. Clones are the same member.
#[derive(Clone)]
pub struct Member {
    inner: Arc<MemberShared>,
}

struct MemberShared {
    settings: RaftSettings,
    meters: RaftMeters,
    node: RaftNode,
    addresses: AddressBook,
    state: watch::Receiver<Arc<ClusterState>>,
    leadership: watch::Receiver<Leadership>,
    leadership_watcher: Mutex<Option<JoinHandle<()>>>,
    file_users: TaskTracker,
}

impl std::fmt::Debug for Member {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Member")
            .field("id", &self.inner.settings.id)
            .finish_non_exhaustive()
    }
}

impl Member {
    /// Opens the data folder, rebuilds the state and joins the cluster, which is formed at its first start.
    ///
    /// # Errors
    /// See [`RaftError`]; [`RaftError::is_bad_input`] is true when the settings or the folder have to be changed.
    pub(crate) async fn start(settings: RaftSettings, meters: RaftMeters) -> Result<Self, RaftError> {
        let config = settings.to_openraft()?;
        let file_users = TaskTracker::new();
        let disk = Disk::open(&settings.folder, settings.id, &file_users, &meters).await?;
        let (state_writer, state) = watch::channel(Arc::default());
        let addresses = AddressBook::new(&settings);
        let node = Raft::new(
            settings.id,
            Arc::new(config),
            Network::new(&settings, addresses.clone()),
            LogStore::spawn(disk.clone()),
            StateMachine::new(SnapshotStore::new(disk, &meters), state_writer),
        )
        .await
        .map_err(not_started)?;
        form_cluster(&node, &settings).await?;
        let (leadership, leadership_watcher) = spawn_leadership_watcher(&node, &settings, &addresses);
        Ok(Self {
            inner: Arc::new(MemberShared {
                settings,
                meters,
                node,
                addresses,
                state,
                leadership,
                leadership_watcher: Mutex::new(Some(leadership_watcher)),
                file_users,
            }),
        })
    }

    /// Commits `change` to the replicated state, and returns its effect there.
    ///
    /// After `Ok` the change is on the disks of a quorum and visible in [`Member::state`].
    ///
    /// # Errors
    /// See [`ProposeError`]: after some variants it is unknown whether the change was applied.
    pub async fn propose(&self, change: Change) -> Result<Applied, ProposeError> {
        let proposal = ProposedChange(change);
        let size = postcard::experimental::serialized_size(&proposal).unwrap_or(usize::MAX);
        if size > PROPOSAL_BYTES_MAX {
            return Err(ProposeError::TooLarge {
                size,
                limit: PROPOSAL_BYTES_MAX,
            });
        }
        self.within(self.inner.settings.propose_timeout, self.write(proposal))
            .await
    }

    /// A newly elected leader rejects changes until a quorum has answered it once. Retries during that time, at most
    /// for two election timeouts, the time that a healthy quorum takes.
    async fn write(&self, proposal: ProposedChange) -> Result<Applied, ProposeError> {
        let settings = &self.inner.settings;
        let retry_until = Instant::now() + 2 * settings.election_max;
        loop {
            let mut metrics = self.inner.node.metrics();
            metrics.borrow_and_update();
            let error = match self.inner.node.client_write(proposal.clone()).await {
                Ok(written) => return Ok(written.data.expect("the state machine answers each change")),
                Err(error) => error,
            };
            if !error_conversion::is_lease_expired(&error) || Instant::now() > retry_until {
                return Err(error_conversion::of_write(error, &self.inner.addresses));
            }
            // Waits for the answers to the next heartbeat, or for a change of the leader.
            let _ = tokio::time::timeout(settings.heartbeat, metrics.changed()).await;
        }
    }

    /// Follows the applied state of this member; on a follower it may lag behind the leader's.
    pub fn state(&self) -> watch::Receiver<Arc<ClusterState>> {
        self.inner.state.clone()
    }

    /// Follows the leadership of the cluster as this member sees it.
    pub fn leadership(&self) -> watch::Receiver<Leadership> {
        self.inner.leadership.clone()
    }

    /// Confirms with a quorum that this member still leads. After `Ok`, [`Member::state`] contains every change that
    /// was acknowledged before the call.
    ///
    /// # Errors
    /// [`ProposeError::NotLeader`], or [`ProposeError::Timeout`] when no quorum answers.
    pub async fn confirm_leadership(&self) -> Result<(), ProposeError> {
        let confirm = async {
            let confirmed = self.inner.node.ensure_linearizable(ReadPolicy::ReadIndex).await;
            confirmed.map(|_| ()).map_err(|error| {
                error_conversion::of_read(error, &self.inner.addresses, self.inner.settings.election_max)
            })
        };
        self.within(self.inner.settings.propose_timeout, confirm).await
    }

    /// The gRPC service for the other members, to be served at [`RaftSettings::address`].
    pub fn transport(&self) -> RaftTransportServer<Transport> {
        let transport = Transport::new(self.inner.settings.id, self.inner.node.clone(), &self.inner.meters);
        RaftTransportServer::new(transport)
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX)
    }

    /// Term, log positions and lag at this moment.
    pub(crate) fn progress(&self) -> RaftProgress {
        RaftProgress::of(&self.inner.node.metrics().borrow_watched())
    }

    /// The size of the data file.
    pub(crate) async fn data_bytes(&self) -> io::Result<u64> {
        let file = tokio::fs::metadata(self.inner.settings.folder.join(FILE_NAME)).await?;
        Ok(file.len())
    }

    /// Stops Raft and closes the data file. Acknowledged changes are already on disk.
    pub async fn shutdown(&self) {
        if let Err(panicked) = self.inner.node.shutdown().await {
            tracing::error!(member = self.inner.settings.id, %panicked, "raft did not stop cleanly");
        }
        if let Some(leadership_watcher) = self.inner.leadership_watcher.lock().await.take() {
            let _ = leadership_watcher.await;
        }
        self.inner.file_users.close();
        if tokio::time::timeout(CLOSE_TIMEOUT, self.inner.file_users.wait())
            .await
            .is_err()
        {
            tracing::warn!(
                member = self.inner.settings.id,
                "the raft file is still in use after the shutdown"
            );
        }
    }

    pub(super) fn node(&self) -> &RaftNode {
        &self.inner.node
    }

    pub(super) fn settings(&self) -> &RaftSettings {
        &self.inner.settings
    }

    pub(super) fn addresses(&self) -> &AddressBook {
        &self.inner.addresses
    }

    pub(super) async fn within<T>(
        &self,
        limit: Duration,
        work: impl Future<Output = Result<T, ProposeError>>,
    ) -> Result<T, ProposeError> {
        let done = tokio::time::timeout(limit, work).await;
        done.unwrap_or(Err(ProposeError::Timeout { waited: limit }))
    }
}

async fn form_cluster(node: &RaftNode, settings: &RaftSettings) -> Result<(), RaftError> {
    let is_formed = node.is_initialized().await.map_err(not_started)?;
    if is_formed || settings.members.is_empty() {
        return Ok(());
    }
    let members = settings
        .members
        .iter()
        .map(|(id, address)| (*id, BasicNode::new(address)));
    match node.initialize(members.collect::<BTreeMap<_, _>>()).await {
        // Another member with the same list has formed the cluster first.
        Ok(()) | Err(NodeError::APIError(InitializeError::NotAllowed(_))) => Ok(()),
        Err(error) => Err(not_started(error)),
    }
}

fn spawn_leadership_watcher(
    node: &RaftNode,
    settings: &RaftSettings,
    addresses: &AddressBook,
) -> (watch::Receiver<Leadership>, JoinHandle<()>) {
    let (readers, leadership) = watch::channel(Leadership::Following { leader: None });
    let leadership_watcher = LeadershipWatcher {
        metrics: node.metrics(),
        addresses: addresses.clone(),
        lease: settings.election_max,
        readers,
    };
    (leadership, tokio::spawn(leadership_watcher.run()))
}

fn not_started(error: impl std::fmt::Display) -> RaftError {
    RaftError::NotStarted {
        reason: error.to_string(),
    }
}
