//! The clerk: what a client of a sharded service holds.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use emberkeep_core::assignment::Generation;
use emberkeep_core::clerk::RetryBudget;
use emberkeep_core::pod::Pod;
use emberkeep_runtime::clock::Clock;
use emberkeep_runtime::watch::{AssignmentSnapshot, AssignmentWatcher};
use tokio::sync::watch;
use tokio_util::sync::DropGuard;

use crate::ClerkError;
use crate::builder::ClerkBuilder;
use crate::directory::Directory;
use crate::patience::WaitingRoom;
use crate::peer::Peer;
use crate::reporter::Reporter;
use crate::routed::Routed;
use crate::rumour::Rumour;
use crate::settings::ClerkSettings;
use crate::stats::{ClerkStats, Counters};

/// Knows which pod owns which key of one target, and brings requests there. Cheap to clone; what it does in the
/// background ends with its last clone.
#[derive(Clone)]
pub struct Clerk(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) directory: Arc<Directory>,
    watcher: Arc<AssignmentWatcher>,
    pub(crate) settings: ClerkSettings,
    pub(crate) counters: Counters,
    pub(crate) room: WaitingRoom,
    budget: Mutex<RetryBudget>,
    rumour: Mutex<Rumour>,
    /// Without one, nobody is known who may want reports.
    reporter: Option<Reporter>,
    clock: Clock,
    _ends_the_tasks: DropGuard,
}

impl Clerk {
    /// A clerk for the target of that name.
    pub fn builder(target: impl Into<String>) -> ClerkBuilder {
        ClerkBuilder::new(target.into())
    }

    pub(crate) fn new(
        directory: Arc<Directory>,
        watcher: Arc<AssignmentWatcher>,
        reporter: Option<Reporter>,
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
            rumour: Mutex::default(),
            reporter,
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

    /// The assignment that requests are routed by, now and later; `None` before the first one.
    #[must_use]
    pub fn assignment(&self) -> watch::Receiver<Option<AssignmentSnapshot>> {
        self.0.directory.newest()
    }

    /// Waits until requests are routed by an assignment.
    ///
    /// # Errors
    /// [`ClerkError::NoAssignment`] when none has come within `deadline`.
    pub async fn ready(&self, deadline: Duration) -> Result<Generation, ClerkError> {
        let mut newest = self.0.directory.newest();
        let first = tokio::time::timeout(deadline, newest.wait_for(Option::is_some)).await;
        // The sender lives as long as this clerk.
        first
            .map_err(|_| ClerkError::NoAssignment)?
            .map_err(|_| ClerkError::NoAssignment)?;
        Ok(self.0.directory.generation())
    }

    /// What was counted so far.
    #[must_use]
    pub fn stats(&self) -> ClerkStats {
        self.0.counters.read(self.0.room.waiting())
    }
}

impl Inner {
    /// A pod goes by a generation that may be later than the clerk's. Usually it is about to arrive here too.
    pub(crate) fn hear_of(&self, generation: Generation) {
        let mut rumour = self.rumour.lock().unwrap_or_else(PoisonError::into_inner);
        if rumour.is_overdue(generation, self.directory.generation(), self.clock.now()) {
            self.watcher.look_elsewhere();
        }
    }

    /// Tells the assigner that a pod could not be reached; of a seed it is not known which life that is.
    pub(crate) fn report(&self, peer: &Peer) {
        let known = self.reporter.as_ref().zip(peer.pod());
        if known.is_some_and(|(reporter, pod)| reporter.report(pod)) {
            self.counters.reported.fetch_add(1, Relaxed);
        }
    }

    /// Whether one more retry is within the budget. Requests that succeed at once never come here.
    pub(crate) fn take_retry(&self) -> bool {
        let mut budget = self.budget.lock().unwrap_or_else(PoisonError::into_inner);
        budget.try_withdraw(self.counters.requests.load(Relaxed), self.clock.now())
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
