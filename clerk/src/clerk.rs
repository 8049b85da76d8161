//! The clerk: what a client of a sharded service holds.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use emberkeep_core::assignment::Generation;
use emberkeep_core::clerk::RetryBudget;
use emberkeep_core::pod::Pod;
use emberkeep_runtime::clock::Clock;
use emberkeep_runtime::watch::{AssignmentWatcher, Held};
use tokio::sync::watch;
use tokio_util::sync::DropGuard;

use crate::ClerkError;
use crate::builder::ClerkBuilder;
use crate::directory::Directory;
use crate::patience::WaitingRoom;
use crate::routed::Routed;
use crate::settings::ClerkSettings;
use crate::stats::{ClerkStats, Counters};

/// Knows which pod owns which key of one target, and brings requests there. Cheap to clone; what it does in the
/// background ends with its last clone.
#[derive(Clone)]
pub struct Clerk(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) directory: Arc<Directory>,
    pub(crate) watcher: Arc<AssignmentWatcher>,
    pub(crate) settings: ClerkSettings,
    pub(crate) counters: Counters,
    pub(crate) room: WaitingRoom,
    budget: Mutex<RetryBudget>,
    clock: Clock,
    _ends_the_tasks: DropGuard,
}

impl Clerk {
    /// A clerk for the target of that name.
    #[must_use]
    pub fn builder(target: impl Into<String>) -> ClerkBuilder {
        ClerkBuilder::new(target.into())
    }

    pub(crate) fn new(
        directory: Arc<Directory>,
        watcher: Arc<AssignmentWatcher>,
        settings: ClerkSettings,
        ends_the_tasks: DropGuard,
    ) -> Self {
        let clock = Clock::start();
        Self(Arc::new(Inner {
            directory,
            watcher,
            counters: Counters::default(),
            room: WaitingRoom::new(settings.waiting_max),
            budget: Mutex::new(RetryBudget::new(settings.retries, clock.now())),
            clock,
            settings,
            _ends_the_tasks: ends_the_tasks,
        }))
    }

    /// A channel to whoever owns the key, for a tonic client.
    #[must_use]
    pub fn for_key(&self, key: impl AsRef<[u8]>) -> Routed {
        Routed::new(Arc::clone(&self.0), key.as_ref())
    }

    /// The pod that owns the key, for other protocols than gRPC; `None` before the first assignment, and where the
    /// slice has no owner or the key is too long. Takes no lock, makes no call and allocates nothing.
    #[must_use]
    pub fn owner_of(&self, key: impl AsRef<[u8]>) -> Option<Arc<Pod>> {
        self.0.directory.owner_of(key.as_ref())
    }

    /// The newest assignment, now and later; `None` before the first one.
    #[must_use]
    pub fn assignment(&self) -> watch::Receiver<Option<Held>> {
        self.0.watcher.held()
    }

    /// Waits until requests are routed by an assignment.
    ///
    /// # Errors
    /// [`ClerkError::NoAssignment`] when none has come within `deadline`.
    pub async fn ready(&self, deadline: Duration) -> Result<Generation, ClerkError> {
        let mut changes = self.0.directory.changes();
        let routed = async {
            while self.0.directory.generation() == Generation::NONE && changes.changed().await.is_ok() {}
            self.0.directory.generation()
        };
        let generation = tokio::time::timeout(deadline, routed).await;
        generation.map_err(|_| ClerkError::NoAssignment)
    }

    /// What was counted so far.
    #[must_use]
    pub fn stats(&self) -> ClerkStats {
        self.0.counters.read(self.0.room.waiting())
    }
}

impl Inner {
    /// Whether one more retry is within the budget. Requests that succeed at once never come here.
    pub(crate) fn take_retry(&self) -> bool {
        let mut budget = self.budget.lock().unwrap_or_else(PoisonError::into_inner);
        budget.take(self.counters.requests.load(Relaxed), self.clock.now())
    }
}

impl std::fmt::Debug for Clerk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let generation = self.0.directory.generation();
        f.debug_struct("Clerk")
            .field("generation", &generation)
            .finish_non_exhaustive()
    }
}
