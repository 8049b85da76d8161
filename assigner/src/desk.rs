//! The desk: where sessions reach the brains that lead, and brains their sessions.

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

/// How many events may wait for a brain. Sessions that have more to say wait.
pub(crate) const EVENTS_MAX: usize = 4_096;

/// What belongs together while this member leads: the brain of each target, and the sessions open to it.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    brains: watch::Sender<BTreeMap<TargetName, Brain>>,
    sessions: Mutex<BTreeMap<SessionId, OpenSession>>,
    next_session: AtomicU64,
    questions: Mutex<BTreeMap<QueryId, oneshot::Sender<QueryReply>>>,
    next_question: AtomicU64,
}

/// How a brain is reached, and when it has ended.
#[derive(Debug, Clone)]
pub(crate) struct Brain {
    pub(crate) events: mpsc::Sender<TargetEvent>,
    pub(crate) ended: CancellationToken,
}

/// How a session is reached.
#[derive(Debug, Clone, Default)]
pub(crate) struct OpenSession {
    /// Cancelled when the session is to end.
    pub(crate) close: CancellationToken,
    /// What the slicelet is told at the end, if it did something wrong.
    pub(crate) parting: Arc<OnceLock<Status>>,
    /// Cancelled when its pod may exit.
    pub(crate) may_exit: CancellationToken,
    /// What its pod may ask of the object store, once that is known; only the newest counts.
    pub(crate) store_grant: watch::Sender<Option<Option<Rate>>>,
    /// Which slices its pod is to get ready; only the newest counts.
    pub(crate) warm_order: watch::Sender<Vec<Slice>>,
}

impl Desk {
    /// A brain begins to lead its target.
    pub(crate) fn seat(&self, target: TargetName, brain: Brain) {
        self.brains.send_modify(|brains| {
            brains.insert(target, brain);
        });
    }

    /// This member leads no longer.
    pub(crate) fn clear(&self) {
        self.brains.send_modify(BTreeMap::clear);
    }

    /// The brains, now and later.
    pub(crate) fn brains(&self) -> watch::Receiver<BTreeMap<TargetName, Brain>> {
        self.brains.subscribe()
    }

    /// Opens a session with a number that was never used before.
    pub(crate) fn open(&self) -> (SessionId, OpenSession) {
        let id = SessionId(self.next_session.fetch_add(1, Ordering::Relaxed));
        let session = OpenSession::default();
        self.sessions().insert(id, session.clone());
        (id, session)
    }

    /// The session, if it is still open.
    pub(crate) fn session(&self, id: SessionId) -> Option<OpenSession> {
        self.sessions().get(&id).cloned()
    }

    pub(crate) fn forget(&self, id: SessionId) {
        self.sessions().remove(&id);
    }

    /// Opens a question with a number that was never used before; its answer comes through the channel.
    pub(crate) fn question(&self) -> (QueryId, oneshot::Receiver<QueryReply>) {
        let id = QueryId(self.next_question.fetch_add(1, Ordering::Relaxed));
        let (asker, answer) = oneshot::channel();
        let mut questions = self.questions();
        // Whoever waits no longer needs no answer.
        questions.retain(|_, asker| !asker.is_closed());
        questions.insert(id, asker);
        (id, answer)
    }

    pub(crate) fn answer(&self, id: QueryId, answer: QueryReply) {
        if let Some(asker) = self.questions().remove(&id) {
            // Nobody may be waiting any more.
            let _ = asker.send(answer);
        }
    }

    fn questions(&self) -> MutexGuard<'_, BTreeMap<QueryId, oneshot::Sender<QueryReply>>> {
        self.questions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sessions(&self) -> MutexGuard<'_, BTreeMap<SessionId, OpenSession>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
