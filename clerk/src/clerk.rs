//! The clerk: the handle that a client of a sharded service holds.

use std::sync::Arc;
use std::time::Duration;

use emberkeep_core::assignment::Generation;
use emberkeep_core::pod::Pod;
use emberkeep_runtime::metric_registry::RegistryCollector;
use emberkeep_runtime::watch::AssignmentSnapshot;
use tokio::sync::watch;

use crate::ClerkError;
use crate::clerk_state::ClerkState;
use crate::routed::Routed;
use crate::stats::ClerkStats;

/// Holds the newest assignment of one target and routes requests to the owners of their keys. Cheap to clone; its
/// background tasks end when the last clone is dropped.
#[derive(Clone)]
pub struct Clerk(Arc<ClerkState>);

impl Clerk {
    pub(crate) fn new(state: ClerkState) -> Self {
        Self(Arc::new(state))
    }

    /// A channel to the owner of the key, for a tonic client.
    #[must_use]
    pub fn for_key(&self, key: impl AsRef<[u8]>) -> Routed {
        Routed::new(Arc::clone(&self.0), key.as_ref())
    }

    /// The owner of the key, for protocols other than gRPC; `None` before the first assignment, and when the slice has
    /// no owner or the key is too long. Takes no lock, makes no call and allocates nothing.
    #[must_use]
    pub fn owner_of(&self, key: impl AsRef<[u8]>) -> Option<Arc<Pod>> {
        self.0.directory.owner_of(key.as_ref())
    }

    /// Follows the assignment in use for routing; `None` before the first one.
    #[must_use]
    pub fn assignment(&self) -> watch::Receiver<Option<AssignmentSnapshot>> {
        self.0.directory.newest()
    }

    /// Waits for the first assignment, and returns the generation in use then.
    ///
    /// # Errors
    /// [`ClerkError::NoAssignment`] when none was received within `deadline`.
    pub async fn ready(&self, deadline: Duration) -> Result<Generation, ClerkError> {
        let mut newest = self.0.directory.newest();
        let first = tokio::time::timeout(deadline, newest.wait_for(Option::is_some)).await;
        // The inner error cannot happen: the sender lives as long as this clerk.
        first
            .map_err(|_| ClerkError::NoAssignment)?
            .map_err(|_| ClerkError::NoAssignment)?;
        Ok(self.0.directory.generation())
    }

    /// The clerk's metrics as a collector, to be registered in the registry of the process. They carry the labels `target`
    /// and `clerk`: of two clerks of one target, the registry accepts both only if they have different
    /// [names](crate::ClerkBuilder::name).
    ///
    /// ```
    /// # fn expose(clerk: &emberkeep_clerk::Clerk) -> Result<(), prometheus::Error> {
    /// prometheus::default_registry().register(Box::new(clerk.collector()))
    /// # }
    /// ```
    #[must_use]
    pub fn collector(&self) -> RegistryCollector {
        self.0.metrics.registry.collector()
    }

    /// Counts since the clerk was built, and gauges of this moment.
    #[must_use]
    pub fn stats(&self) -> ClerkStats {
        self.0.metrics.read(self.0.wait_limit.waiting_count())
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
