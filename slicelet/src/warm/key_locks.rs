//! Locks by key: the entry of a key changes only under the key's lock. Reads of warm values take none.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use emberkeep_core::time::Timestamp;
use tokio::sync::OwnedMutexGuard;

use super::GetError;
use super::hashed_key::{HashedOnce, WarmKey};
use crate::overloaded::Overloaded;

/// The locks that are held or waited for, by key.
#[derive(Debug, Default)]
pub(super) struct KeyLocks {
    slots: Mutex<HashMap<WarmKey, LockSlot, HashedOnce>>,
}

/// The mutex of one key, with the last failed load, which requests that waited for it share.
type KeyMutex = Arc<tokio::sync::Mutex<Option<FailedLoad>>>;

#[derive(Debug, Default)]
struct LockSlot {
    mutex: KeyMutex,
    /// Holders of the lock and requests waiting for it.
    reference_count: usize,
}

/// The last failed load. Requests that waited for it return its error instead of repeating it.
#[derive(Debug)]
struct FailedLoad {
    error: GetError,
    at: Timestamp,
}

/// The right to change the entry of one key, until dropped.
#[derive(Debug)]
pub(super) struct KeyLock {
    // Fields drop in this order: the mutex is released before the slot.
    failed_load: OwnedMutexGuard<Option<FailedLoad>>,
    _reference: SlotReference,
}

/// A reference to the slot of a key; the last one to be dropped removes the slot.
#[derive(Debug)]
struct SlotReference {
    locks: Arc<KeyLocks>,
    key: WarmKey,
}

/// Bound of the requests waiting for one key; further ones fail at once, which bounds memory while a key cannot be loaded.
const WAITING_MAX: usize = 4_096;
/// The retry time given to requests beyond [`WAITING_MAX`].
const RETRY_AFTER: Duration = Duration::from_secs(1);

impl KeyLocks {
    /// Waits for the lock of a key; fails if [`WAITING_MAX`] requests hold it or wait for it.
    pub(super) async fn lock(self: &Arc<Self>, key: &WarmKey) -> Result<KeyLock, Overloaded> {
        let (mutex, reference) = self.refer_to(key)?;
        Ok(KeyLock {
            failed_load: mutex.lock_owned().await,
            _reference: reference,
        })
    }

    /// The lock of a key, if it is free.
    pub(super) fn try_lock(self: &Arc<Self>, key: &WarmKey) -> Option<KeyLock> {
        let (mutex, reference) = self.refer_to(key).ok()?;
        Some(KeyLock {
            failed_load: mutex.try_lock_owned().ok()?,
            _reference: reference,
        })
    }

    fn refer_to(self: &Arc<Self>, key: &WarmKey) -> Result<(KeyMutex, SlotReference), Overloaded> {
        let mut slots = self.slots();
        let slot = slots.entry(key.clone()).or_default();
        if slot.reference_count >= WAITING_MAX {
            return Err(Overloaded {
                retry_after: RETRY_AFTER,
            });
        }
        slot.reference_count += 1;
        let mutex = Arc::clone(&slot.mutex);
        let reference = SlotReference {
            locks: Arc::clone(self),
            key: key.clone(),
        };
        Ok((mutex, reference))
    }

    /// The map is consistent after each use, so a poisoned mutex is usable.
    fn slots(&self) -> MutexGuard<'_, HashMap<WarmKey, LockSlot, HashedOnce>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeyLock {
    /// The error of a load that failed after `requested_at`: a request that began before shares the outcome.
    pub(super) fn failure_since(&self, requested_at: Timestamp) -> Option<GetError> {
        let failure = self.failed_load.as_ref().filter(|failure| failure.at >= requested_at)?;
        Some(failure.error.clone())
    }

    /// Records a failed load for the requests that wait for it.
    pub(super) fn record_failure(&mut self, error: GetError, at: Timestamp) {
        *self.failed_load = Some(FailedLoad { error, at });
    }
}

impl Drop for SlotReference {
    fn drop(&mut self) {
        let mut slots = self.locks.slots();
        if let Some(slot) = slots.get_mut(&self.key) {
            slot.reference_count -= 1;
            if slot.reference_count == 0 {
                slots.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::hashed_key::HashedKey;
    use super::*;

    fn key(text: &str) -> WarmKey {
        HashedKey::try_new(text.as_bytes()).unwrap().to_warm()
    }

    #[tokio::test]
    async fn a_key_has_one_holder_and_other_keys_stay_free() {
        let locks = Arc::new(KeyLocks::default());
        let held = locks.lock(&key("a")).await.unwrap();
        assert!(locks.try_lock(&key("a")).is_none());
        assert!(locks.try_lock(&key("b")).is_some());
        drop(held);
        assert!(locks.try_lock(&key("a")).is_some());
    }

    #[tokio::test]
    async fn an_unused_lock_leaves_no_slot() {
        let locks = Arc::new(KeyLocks::default());
        let held = locks.lock(&key("a")).await.unwrap();
        let wanted = key("a");
        let mut waits = Box::pin(locks.lock(&wanted));
        assert!(futures::poll!(&mut waits).is_pending());
        drop(waits);
        drop(held);
        assert!(locks.slots().is_empty());
    }

    #[tokio::test]
    async fn a_failure_is_shared_only_by_requests_that_waited_for_it() {
        let locks = Arc::new(KeyLocks::default());
        let mut first = locks.lock(&key("a")).await.unwrap();
        let wanted = key("a");
        let mut second = Box::pin(locks.lock(&wanted));
        assert!(futures::poll!(&mut second).is_pending());
        first.record_failure(GetError::NotFound, Timestamp::from_millis(7));
        drop(first);
        let second = second.await.unwrap();
        assert!(second.failure_since(Timestamp::from_millis(7)).is_some());
        assert!(second.failure_since(Timestamp::from_millis(8)).is_none());
        drop(second);
        assert!(
            locks
                .lock(&key("a"))
                .await
                .unwrap()
                .failure_since(Timestamp::ZERO)
                .is_none()
        );
    }
}
