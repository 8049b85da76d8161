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
    Failed(Arc<Failure>),
}

/// Why a load failed, and when. Apart from its entry, so that all entries are small.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: GetError,
    pub(super) at: Timestamp,
}

impl<V> Clone for Entry<V> {
    #[inline]
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
            Entry::Failed(failure) => Entry::Failed(Arc::clone(failure)),
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
            Entry::Failed(failure) if failure.at >= asked_at => Some(Err(failure.error.clone())),
            Entry::Found { .. } | Entry::Missing { .. } | Entry::Failed(_) => None,
        }
    }

    /// What whoever loaded it is answered.
    pub(super) fn into_result(self) -> Result<Arc<V>, GetError> {
        match self {
            Entry::Found { value, .. } => Ok(value),
            Entry::Missing { .. } => Err(GetError::NotFound),
            Entry::Failed(failure) => Err(failure.error.clone()),
        }
    }

    pub(super) const fn is_failed(&self) -> bool {
        matches!(self, Entry::Failed(_))
    }
}

/// What an entry takes in memory beside its value and a long key: its place in the cache, the table's slot, the links
/// of its queue, and the reference counts of its value.
const PLACE_SIZE: usize = size_of::<WarmKey>() + size_of::<Entry<()>>() + 48;

/// Weighs entries in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct InBytes;

impl<V> Weighter<WarmKey, Entry<V>> for InBytes {
    fn weight(&self, key: &WarmKey, entry: &Entry<V>) -> u64 {
        let value = match entry {
            Entry::Found { weight, .. } => *weight,
            Entry::Missing { .. } | Entry::Failed(_) => 0,
        };
        (PLACE_SIZE + key.size_elsewhere()) as u64 + value
    }
}
