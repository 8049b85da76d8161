//! The replicated state in memory: applies changes in log order, and publishes immutable copies.

use std::io;
use std::sync::Arc;

use emberkeep_core::assigner::{Applied, ClusterState};
use futures::{Stream, TryStreamExt};
use openraft::storage::{EntryResponder, RaftSnapshotBuilder, RaftStateMachine};
use openraft::{EntryPayload, OptionalSend};
use tokio::sync::watch;

use super::codec::{decode, encode};
use super::snapshot_store::SnapshotStore;
use super::type_config::{LogId, RaftEntry, Snapshot, SnapshotMeta, StoredMembership, TypeConfig};

/// The state, and the log position that it covers.
///
/// A change writes nothing to disk here: at a start openraft installs the last snapshot and applies the later entries.
pub(super) struct StateMachine {
    last_applied: Option<LogId>,
    membership: StoredMembership,
    state: Arc<ClusterState>,
    readers: watch::Sender<Arc<ClusterState>>,
    snapshots: SnapshotStore,
}

impl StateMachine {
    /// An empty state, published to `readers` after each batch of changes.
    pub(super) fn new(snapshots: SnapshotStore, readers: watch::Sender<Arc<ClusterState>>) -> Self {
        Self {
            last_applied: None,
            membership: StoredMembership::default(),
            state: Arc::default(),
            readers,
            snapshots,
        }
    }

    fn apply_entry(&mut self, entry: RaftEntry) -> Option<Applied> {
        self.last_applied = Some(entry.log_id);
        match entry.payload {
            EntryPayload::Blank => None,
            EntryPayload::Normal(proposal) => Some(Arc::make_mut(&mut self.state).apply(&proposal.0)),
            EntryPayload::Membership(membership) => {
                self.membership = StoredMembership::new(Some(entry.log_id), membership);
                None
            }
        }
    }

    fn publish(&self) {
        self.readers.send_replace(Arc::clone(&self.state));
    }
}

impl RaftStateMachine<TypeConfig> for StateMachine {
    type SnapshotData = Vec<u8>;
    type SnapshotBuilder = SnapshotBuilder;

    async fn applied_state(&mut self) -> io::Result<(Option<LogId>, StoredMembership)> {
        Ok((self.last_applied, self.membership.clone()))
    }

    /// Responds only after the batch is published, so that a proposer finds its change in the state.
    async fn apply<S>(&mut self, mut entries: S) -> io::Result<()>
    where
        S: Stream<Item = io::Result<EntryResponder<TypeConfig>>> + Unpin + OptionalSend,
    {
        let mut answers = Vec::new();
        while let Some((entry, responder)) = entries.try_next().await? {
            let applied = self.apply_entry(entry);
            answers.extend(responder.map(|responder| (responder, applied)));
        }
        self.publish();
        for (responder, applied) in answers {
            responder.send(applied);
        }
        Ok(())
    }

    async fn get_snapshot_builder(&mut self) -> SnapshotBuilder {
        SnapshotBuilder {
            meta: SnapshotMeta {
                last_log_id: self.last_applied,
                last_membership: self.membership.clone(),
            },
            state: Arc::clone(&self.state),
            snapshots: self.snapshots.clone(),
        }
    }

    async fn install_snapshot(&mut self, meta: &SnapshotMeta, bytes: Vec<u8>) -> io::Result<()> {
        let (state, bytes) = decoded(bytes).await?;
        self.snapshots.save(meta.clone(), bytes).await?;
        self.last_applied = meta.last_log_id;
        self.membership = meta.last_membership.clone();
        self.state = Arc::new(state);
        self.publish();
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> io::Result<Option<Snapshot>> {
        self.snapshots.last().await
    }
}

/// Writes a copy of the state to disk while further changes are applied.
pub(super) struct SnapshotBuilder {
    meta: SnapshotMeta,
    state: Arc<ClusterState>,
    snapshots: SnapshotStore,
}

impl RaftSnapshotBuilder<TypeConfig> for SnapshotBuilder {
    type SnapshotData = Vec<u8>;

    async fn build_snapshot(&mut self) -> io::Result<Snapshot> {
        let snapshot = encoded(Arc::clone(&self.state)).await?;
        self.snapshots.save(self.meta.clone(), snapshot.clone()).await?;
        Ok(Snapshot {
            meta: self.meta.clone(),
            snapshot,
        })
    }
}

/// Encodes a whole state in a blocking thread: it can take longer than a heartbeat interval.
async fn encoded(state: Arc<ClusterState>) -> io::Result<Vec<u8>> {
    let work = tokio::task::spawn_blocking(move || encode(state.as_ref()));
    work.await.map_err(io::Error::other)?
}

/// Decodes a state in a blocking thread, and returns the bytes too.
async fn decoded(bytes: Vec<u8>) -> io::Result<(ClusterState, Vec<u8>)> {
    let work = tokio::task::spawn_blocking(move || Ok((decode(&bytes)?, bytes)));
    work.await.map_err(io::Error::other)?
}
