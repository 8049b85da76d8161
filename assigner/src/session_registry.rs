//! The registry: connects sessions and queries to the leading brains, and brains to their sessions.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use emberkeep_core::assigner::{QueryId, QueryReply, SessionId, TargetEvent};
use emberkeep_core::keyspace::Slice;
use emberkeep_core::rate::Rate;
use emberkeep_core::target::TargetName;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tonic::Status;

/// The capacity of a brain's event queue. Sessions wait while it is full.
pub(crate) const EVENTS_MAX: usize = 4_096;

/// The brains, sessions and pending queries of a leading member.
#[derive(Debug, Default)]
pub(crate) struct SessionRegistry {
    brains: watch::Sender<BTreeMap<TargetName, BrainHandle>>,
    sessions: Mutex<BTreeMap<SessionId, SessionHandle>>,
    next_session: AtomicU64,
    queries: Mutex<BTreeMap<QueryId, oneshot::Sender<QueryReply>>>,
    next_query: AtomicU64,
}

/// The event queue of a brain, and the token of its end.
#[derive(Debug, Clone)]
pub(crate) struct BrainHandle {
    pub(crate) events: mpsc::Sender<TargetEvent>,
    pub(crate) ended: CancellationToken,
}

/// The channels to one session.
#[derive(Debug, Clone, Default)]
pub(crate) struct SessionHandle {
    /// Cancelled to end the session.
    pub(crate) close: CancellationToken,
    /// The status that ends the stream, if the slicelet violated the protocol.
    pub(crate) final_status: Arc<OnceLock<Status>>,
    /// Cancelled when the pod may exit.
    pub(crate) may_exit: CancellationToken,
    /// The newest limit of the pod on store requests; `None` before the first grant, `Some(None)` for no limit.
    pub(crate) store_grant: watch::Sender<Option<Option<Rate>>>,
    /// The newest warm order: the slices for the pod to warm.
    pub(crate) warm_order: watch::Sender<Vec<Slice>>,
}

impl SessionRegistry {
    /// Adds the brain of a target, at the start of a term or when the target is created.
    pub(crate) fn add_brain(&self, target: TargetName, brain: BrainHandle) {
        self.brains.send_modify(|brains| {
            brains.insert(target, brain);
        });
    }

    /// Removes all brains, at the end of a term.
    pub(crate) fn remove_brains(&self) {
        self.brains.send_modify(BTreeMap::clear);
    }

    /// Follows the brains of this term by target; empty while this member does not lead.
    pub(crate) fn brains(&self) -> watch::Receiver<BTreeMap<TargetName, BrainHandle>> {
        self.brains.subscribe()
    }

    /// Adds a session under a number that was never used before.
    pub(crate) fn open_session(&self) -> (SessionId, SessionHandle) {
        let id = SessionId(self.next_session.fetch_add(1, Ordering::Relaxed));
        let session = SessionHandle::default();
        self.sessions().insert(id, session.clone());
        (id, session)
    }

    /// The session, if it is still open.
    pub(crate) fn session(&self, id: SessionId) -> Option<SessionHandle> {
        self.sessions().get(&id).cloned()
    }

    pub(crate) fn remove_session(&self, id: SessionId) {
        self.sessions().remove(&id);
    }

    /// Adds a query under a number that was never used before; the channel receives the answer.
    pub(crate) fn open_query(&self) -> (QueryId, oneshot::Receiver<QueryReply>) {
        let id = QueryId(self.next_query.fetch_add(1, Ordering::Relaxed));
        let (sender, answer) = oneshot::channel();
        let mut queries = self.queries();
        // Removes the queries whose callers no longer wait.
        queries.retain(|_, sender| !sender.is_closed());
        queries.insert(id, sender);
        (id, answer)
    }

    pub(crate) fn complete_query(&self, id: QueryId, answer: QueryReply) {
        if let Some(sender) = self.queries().remove(&id) {
            // Fails only when the caller no longer waits.
            let _ = sender.send(answer);
        }
    }

    fn queries(&self) -> MutexGuard<'_, BTreeMap<QueryId, oneshot::Sender<QueryReply>>> {
        self.queries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sessions(&self) -> MutexGuard<'_, BTreeMap<SessionId, SessionHandle>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
