//! The replicated state, in memory: changes go in in log order, every reader sees an immutable copy.

use std::io;
use std::sync::Arc;

use emberkeep_core::assigner::{Applied, ClusterState};
use futures::{Stream, TryStreamExt};
use openraft::storage::{EntryResponder, RaftSnapshotBuilder, RaftStateMachine};
use openraft::{EntryPayload, OptionalSend};
use tokio::sync::watch;

use super::codec::{decode, encode};
use super::snapshot_store::SnapshotStore;
use super::type_config::{Entry, LogId, Snapshot, SnapshotMeta, StoredMembership, TypeConfig};

/// The state and the place in the log it stands for.
///
/// Nothing here is written per change: after a start openraft installs the last snapshot and applies what follows.
pub(super) struct StateMachine {
    last_applied: Option<LogId>,
    membership: StoredMembership,
    state: Arc<ClusterState>,
    readers: watch::Sender<Arc<ClusterState>>,
    snapshots: SnapshotStore,
}

impl StateMachine {
    /// An empty state that shows itself to `readers` after each batch of changes.
    pub(super) fn new(snapshots: SnapshotStore, readers: watch::Sender<Arc<ClusterState>>) -> Self {
        Self {
            last_applied: None,
            membership: StoredMembership::default(),
            state: Arc::default(),
            readers,
            snapshots,
        }
    }

    fn apply_entry(&mut self, entry: Entry) -> Option<Applied> {
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

    fn show(&self) {
        self.readers.send_replace(Arc::clone(&self.state));
    }
}

impl RaftStateMachine<TypeConfig> for StateMachine {
    type SnapshotData = Vec<u8>;
    type SnapshotBuilder = SnapshotBuilder;

    async fn applied_state(&mut self) -> io::Result<(Option<LogId>, StoredMembership)> {
        Ok((self.last_applied, self.membership.clone()))
    }

    /// Answers only when readers can see the batch: whoever proposed a change finds it in the state.
    async fn apply<S>(&mut self, mut entries: S) -> io::Result<()>
    where
        S: Stream<Item = io::Result<EntryResponder<TypeConfig>>> + Unpin + OptionalSend,
    {
        let mut answers = Vec::new();
        while let Some((entry, asker)) = entries.try_next().await? {
            let applied = self.apply_entry(entry);
            answers.extend(asker.map(|asker| (asker, applied)));
        }
        self.show();
        for (asker, applied) in answers {
            asker.send(applied);
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
        self.show();
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> io::Result<Option<Snapshot>> {
        self.snapshots.last().await
    }
}

/// Writes one moment of the state to disk, while changes go on.
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

/// The bytes of a whole state: too long a work to do between two heartbeats.
async fn encoded(state: Arc<ClusterState>) -> io::Result<Vec<u8>> {
    let work = tokio::task::spawn_blocking(move || encode(state.as_ref()));
    work.await.map_err(io::Error::other)?
}

/// The state in its bytes, which come back too.
async fn decoded(bytes: Vec<u8>) -> io::Result<(ClusterState, Vec<u8>)> {
    let work = tokio::task::spawn_blocking(move || Ok((decode(&bytes)?, bytes)));
    work.await.map_err(io::Error::other)?
}
