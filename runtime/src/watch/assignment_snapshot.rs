//! The assignment that a watcher holds, and the application of updates to it.

use std::sync::Arc;

use emberkeep_core::assignment::{Assignment, DiffError, Generation, Update};
use emberkeep_core::target::KeyMode;
use emberkeep_proto::convert::WatchUpdate;
use thiserror::Error;

/// An assignment with the key mode of its target. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssignmentSnapshot {
    /// All slices of the target with their replicas.
    pub assignment: Arc<Assignment>,
    /// How application keys become slice keys.
    pub key_mode: KeyMode,
}

/// The reason to reject a diff; the watcher then requests the full assignment.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NeedsFull {
    /// There is no assignment that the diff could be applied to.
    #[error("received a diff, but no assignment is held")]
    NothingHeld,
    /// The held assignment is not the base of the diff.
    #[error(transparent)]
    DoesNotFit(#[from] DiffError),
}

impl AssignmentSnapshot {
    /// The snapshot after an update; `None` if the update is not newer than `held`, so that generations never decrease.
    ///
    /// # Errors
    /// When a diff to a newer generation does not have `held` as its base.
    pub fn after(
        held: Option<&AssignmentSnapshot>,
        update: WatchUpdate,
    ) -> Result<Option<AssignmentSnapshot>, NeedsFull> {
        let WatchUpdate { update, key_mode } = update;
        let is_newer = |generation: Generation| held.is_none_or(|held| generation > held.assignment.generation());
        let assignment = match (update, held) {
            (Update::Full(full), _) => is_newer(full.generation()).then_some(full),
            (Update::Diff(diff), _) if !is_newer(diff.generation) => None,
            (Update::Diff(_), None) => return Err(NeedsFull::NothingHeld),
            (Update::Diff(diff), Some(held)) => Some(Arc::new(held.assignment.apply(&diff)?)),
        };
        Ok(assignment.map(|assignment| AssignmentSnapshot { assignment, key_mode }))
    }
}
