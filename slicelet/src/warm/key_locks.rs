//! Locks by key: what is known of a key changes under its lock, one change at a time. Reads of warm values take none.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use emberkeep_core::time::Timestamp;
use tokio::sync::OwnedMutexGuard;

use super::GetError;
use super::key::{HashedOnce, WarmKey};
use crate::overloaded::Overloaded;

/// The locks that somebody holds or waits for.
#[derive(Debug, Default)]
pub(super) struct KeyLocks {
    slots: Mutex<HashMap<WarmKey, LockSlot, HashedOnce>>,
}

/// Held by one at a time, with the last failure for the next ones to see.
type KeyMutex = Arc<tokio::sync::Mutex<Option<FailedLoad>>>;

#[derive(Debug, Default)]
struct LockSlot {
    mutex: KeyMutex,
    /// How many hold the lock or wait for it.
    reference_count: usize,
}

/// The last load that failed, told to those who were waiting for it.
#[derive(Debug)]
struct FailedLoad {
    error: GetError,
    at: Timestamp,
}

/// The right to change what is known of one key, until dropped.
#[derive(Debug)]
pub(super) struct KeyLock {
    // Dropped before the seat is given back, in this order.
    mutex: OwnedMutexGuard<Option<FailedLoad>>,
    _place: SlotReference,
}

/// A place in the line for a key; given back when dropped.
#[derive(Debug)]
struct SlotReference {
    locks: Arc<KeyLocks>,
    key: WarmKey,
}

/// How many may wait for one key; what comes then fails at once.
const WAITING_MAX: usize = 4_096;
/// When to come again if so many wait.
const RETRY_AFTER: Duration = Duration::from_secs(1);

impl KeyLocks {
    /// Waits for the lock of a key.
    pub(super) async fn lock(self: &Arc<Self>, key: &WarmKey) -> Result<KeyLock, Overloaded> {
        let (mutex, place) = self.refer_to(key)?;
        Ok(KeyLock {
            mutex: mutex.lock_owned().await,
            _place: place,
        })
    }

    /// The lock of a key, if nobody has it.
    pub(super) fn try_lock(self: &Arc<Self>, key: &WarmKey) -> Option<KeyLock> {
        let (mutex, place) = self.refer_to(key).ok()?;
        Some(KeyLock {
            mutex: mutex.try_lock_owned().ok()?,
            _place: place,
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
        let place = SlotReference {
            locks: Arc::clone(self),
            key: key.clone(),
        };
        Ok((mutex, place))
    }

    /// Seats are whole after each use, even if a holder panicked.
    fn slots(&self) -> MutexGuard<'_, HashMap<WarmKey, LockSlot, HashedOnce>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeyLock {
    /// Why the load failed that ended after `asked_at`: whoever waited for it shares in it.
    pub(super) fn failure_since(&self, asked_at: Timestamp) -> Option<GetError> {
        let failure = self.mutex.as_ref().filter(|failure| failure.at >= asked_at)?;
        Some(failure.error.clone())
    }

    /// Tells those who wait that the load failed.
    pub(super) fn record_failure(&mut self, error: GetError, at: Timestamp) {
        *self.mutex = Some(FailedLoad { error, at });
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
    use super::super::key::HashedKey;
    use super::*;

    fn key(text: &str) -> WarmKey {
        HashedKey::try_new(text.as_bytes()).unwrap().to_warm()
    }

    #[tokio::test]
    async fn one_at_a_time_holds_a_key_and_others_are_free() {
        let locks = Arc::new(KeyLocks::default());
        let held = locks.lock(&key("a")).await.unwrap();
        assert!(locks.try_lock(&key("a")).is_none());
        assert!(locks.try_lock(&key("b")).is_some());
        drop(held);
        assert!(locks.try_lock(&key("a")).is_some());
    }

    #[tokio::test]
    async fn nothing_is_left_of_a_lock_that_nobody_wants() {
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
    async fn a_failure_is_told_to_those_who_waited_for_it_only() {
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
