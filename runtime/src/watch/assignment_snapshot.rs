//! What a watcher holds, and how it moves on.

use std::sync::Arc;

use emberkeep_core::assignment::{Assignment, DiffError, Generation, Update};
use emberkeep_core::target::KeyMode;
use emberkeep_proto::convert::WatchUpdate;
use thiserror::Error;

/// An assignment, and how application keys become its slice keys. Cheap to copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssignmentSnapshot {
    /// Who owns what.
    pub assignment: Arc<Assignment>,
    /// How application keys become slice keys.
    pub key_mode: KeyMode,
}

/// A diff that leads on from something else than what is held: the whole assignment has to be asked for.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NeedsFull {
    /// Nothing is held.
    #[error("a diff came, but nothing is held")]
    NothingHeld,
    /// Something else is held.
    #[error(transparent)]
    DoesNotFit(#[from] DiffError),
}

impl AssignmentSnapshot {
    /// What is held after `told`; `None` if that is nothing newer. Generations never go back.
    ///
    /// # Errors
    /// When a diff to a later generation does not fit what is held.
    pub fn after(
        held: Option<&AssignmentSnapshot>,
        told: WatchUpdate,
    ) -> Result<Option<AssignmentSnapshot>, NeedsFull> {
        let WatchUpdate { update, key_mode } = told;
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
