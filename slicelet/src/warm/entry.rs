//! Entries of the warm store: a value, or that there is none, or that loading it failed.

use std::sync::Arc;

use emberkeep_core::assignment::Generation;
use emberkeep_core::time::Timestamp;
use quick_cache::Weighter;

use super::GetError;
use super::key::WarmKey;
use super::store::Hold;

/// What is known of a key.
#[derive(Debug)]
pub(super) enum Entry<V> {
    /// Its value.
    Found {
        value: Arc<V>,
        /// The generation that the pod went by when it began to load.
        loaded_at: Generation,
        weight: u64,
    },
    /// There was no object, a moment ago.
    Missing { loaded_at: Generation, until: Timestamp },
    /// The load failed. Only those who were waiting for it are told.
    Failed { error: GetError, at: Timestamp },
}

impl<V> Clone for Entry<V> {
    fn clone(&self) -> Self {
        match self {
            Entry::Found {
                value,
                loaded_at,
                weight,
            } => Entry::Found {
                value: Arc::clone(value),
                loaded_at: *loaded_at,
                weight: *weight,
            },
            Entry::Missing { loaded_at, until } => Entry::Missing {
                loaded_at: *loaded_at,
                until: *until,
            },
            Entry::Failed { error, at } => Entry::Failed {
                error: error.clone(),
                at: *at,
            },
        }
    }
}

impl<V> Entry<V> {
    /// What a request that began at `asked_at` is answered; `None` if the entry does not count for it any more.
    pub(super) fn answer(&self, hold: Hold, asked_at: Timestamp) -> Option<Result<Arc<V>, GetError>> {
        match self {
            Entry::Found { value, loaded_at, .. } if *loaded_at >= hold.since => Some(Ok(Arc::clone(value))),
            Entry::Missing { loaded_at, until } if *loaded_at >= hold.since && asked_at < *until => {
                Some(Err(GetError::NotFound))
            }
            Entry::Failed { error, at } if *at >= asked_at => Some(Err(error.clone())),
            Entry::Found { .. } | Entry::Missing { .. } | Entry::Failed { .. } => None,
        }
    }

    /// What whoever loaded it is answered.
    pub(super) fn into_result(self) -> Result<Arc<V>, GetError> {
        match self {
            Entry::Found { value, .. } => Ok(value),
            Entry::Missing { .. } => Err(GetError::NotFound),
            Entry::Failed { error, .. } => Err(error),
        }
    }

    pub(super) const fn is_failed(&self) -> bool {
        matches!(self, Entry::Failed { .. })
    }
}

/// What an entry takes in memory beside its value and its key: the table's slot, the reference counts, the tags.
const ENTRY_OVERHEAD: u64 = 128;

/// Weighs entries in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct InBytes;

impl<V> Weighter<WarmKey, Entry<V>> for InBytes {
    fn weight(&self, key: &WarmKey, entry: &Entry<V>) -> u64 {
        let value = match entry {
            Entry::Found { weight, .. } => *weight,
            Entry::Missing { .. } | Entry::Failed { .. } => 0,
        };
        ENTRY_OVERHEAD + key.as_hashed().bytes().len() as u64 + value
    }
}
