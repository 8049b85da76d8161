//! Notes about the request that a thread works on, if it is observed.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use emberkeep_core::assignment::Generation;
use emberkeep_core::keyspace::Slice;

/// What a request did with the first key that it owned.
#[derive(Debug, Clone, Default)]
pub(crate) struct RequestNotes {
    pub(super) slice: Option<Slice>,
    pub(super) epoch: Option<Generation>,
    /// Whether a value had to be loaded.
    pub(super) was_cold: bool,
}

/// Shared by the request and the threads that work on it.
pub(super) type SharedNotes = Arc<Mutex<RequestNotes>>;

thread_local! {
    /// Whether `NOTES` has a value: without a destructor, so that the check costs one load.
    static IS_OBSERVED: Cell<bool> = const { Cell::new(false) };
    static NOTES: RefCell<Option<SharedNotes>> = const { RefCell::new(None) };
}

/// Whether this thread works on a request that is observed.
#[inline]
pub(crate) fn is_observed() -> bool {
    IS_OBSERVED.get()
}

/// Records that the request owns a key of this slice.
#[cold]
pub(crate) fn on_owned(slice: Slice, epoch: Generation) {
    change(|notes| {
        notes.slice.get_or_insert(slice);
        notes.epoch.get_or_insert(epoch);
    });
}

/// Records that the request had to load a value.
pub(crate) fn on_loaded() {
    change(|notes| notes.was_cold = true);
}

fn change(change: impl FnOnce(&mut RequestNotes)) {
    NOTES.with_borrow(|notes| {
        if let Some(notes) = notes {
            change(&mut lock(notes));
        }
    });
}

/// Runs `work`; while a thread polls it, the functions above write to `notes`. Tasks that it spawns are not observed.
pub(super) async fn noted<T>(notes: SharedNotes, work: impl Future<Output = T>) -> T {
    let mut work = Box::pin(work);
    poll_fn(move |context| {
        let _scope = NotesScope::enter(Arc::clone(&notes));
        work.as_mut().poll(context)
    })
    .await
}

/// The notes, which stay consistent even if a holder of the lock panics.
pub(super) fn lock(notes: &SharedNotes) -> MutexGuard<'_, RequestNotes> {
    notes.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Restores the notes of an outer request when it is dropped, also after a panic.
struct NotesScope {
    outer: Option<SharedNotes>,
}

impl NotesScope {
    fn enter(notes: SharedNotes) -> Self {
        IS_OBSERVED.set(true);
        Self {
            outer: NOTES.replace(Some(notes)),
        }
    }
}

impl Drop for NotesScope {
    fn drop(&mut self) {
        IS_OBSERVED.set(self.outer.is_some());
        NOTES.set(self.outer.take());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn notes_are_of_the_request_that_is_polled() {
        let [one, other] = [SharedNotes::default(), SharedNotes::default()];
        on_loaded();
        let loading = async {
            tokio::task::yield_now().await;
            on_loaded();
        };
        let waiting = async {
            tokio::task::yield_now().await;
            assert!(is_observed());
        };
        tokio::join!(noted(Arc::clone(&one), loading), noted(Arc::clone(&other), waiting));
        assert!(lock(&one).was_cold && !lock(&other).was_cold);
        assert!(!is_observed());
    }
}
