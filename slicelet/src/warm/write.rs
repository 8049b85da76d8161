//! Writing: through to the store on the condition that nobody else has written, and only then into memory.
//!
//! ```text
//! lock of the key --> owner still? --> present value --> change --> put, if it still is that version --> memory, disk
//!                          ^                                          | no: somebody else wrote it
//!                          +------------------------------------------+
//! ```

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use emberkeep_core::slicelet::Answered;
use emberkeep_core::slicelet::admission::Urgency;
use emberkeep_core::time::Timestamp;
use emberkeep_runtime::backoff::Backoff;
use emberkeep_store::{ETag, Expect, StoreError};
use tokio::sync::oneshot;

use super::decoder::DecodedValue;
use super::entry::{CachedValue, WarmEntry};
use super::freshness::OwnershipFence;
use super::key_locks::KeyLock;
use super::load::admission_outcome;
use super::store::{LoadRequest, ObjectRequest, WarmStore};
use super::stored_object::StoredObject;
use super::{GetError, WriteError};
use crate::codec::Codec;
use crate::own_error::OwnError;
use crate::store_access::Pass;

/// What a change makes of the present value.
pub(crate) enum ValueChange<V, T> {
    /// Another one, and another memory of what was answered.
    Write {
        /// None, if it is removed.
        value: Option<Arc<V>>,
        answered: Answered,
        /// What the caller is told once it is written.
        response: T,
    },
    /// It stays as it is, and the caller is told this.
    Keep(T),
}

/// How a write is to be done.
pub(crate) struct WriteOptions<'a> {
    /// Whether the pod may still write the key, and what counts for it now.
    pub(crate) fence: &'a (dyn Fn() -> Result<OwnershipFence, OwnError> + Send + Sync),
    /// Whether the change may be tried again when it is not known whether it was written.
    pub(crate) is_repeatable: bool,
}

/// How often a write is tried while others write the same object.
const ATTEMPT_COUNT_MAX: u32 = 16;
/// How long to wait after others have written, or the store has failed.
const BACKOFF_MIN: Duration = Duration::from_millis(5);
const BACKOFF_MAX: Duration = Duration::from_millis(500);

/// A new version of an object, ready to be put.
struct PreparedWrite<V> {
    request: ObjectRequest<V>,
    object: Bytes,
    expect: Expect,
    value: Option<DecodedValue<V>>,
    answered: Answered,
    heat: u32,
}

/// How a put ended, and the lock back.
type Sent = (KeyLock, Result<(), StoreError>);

impl<C: Codec> WarmStore<C> {
    /// Changes the value of a key. `change` is told the present value and what was answered before, and may be called
    /// again if another pod wrote meanwhile.
    pub(crate) async fn write<T, E>(
        self: &Arc<Self>,
        load_request: LoadRequest<'_>,
        options: WriteOptions<'_>,
        change: impl FnMut(Option<&C::Value>, &Answered) -> Result<ValueChange<C::Value, T>, WriteError<E>>,
    ) -> Result<T, WriteError<E>> {
        let mut doubt = None;
        match (self.attempts(load_request, options, change, &mut doubt).await, doubt) {
            // Whoever goes on to the owner asks it again, and is answered by what really happened.
            (Err(error @ WriteError::NotOwner(_)), _) => Err(error),
            (Err(_), Some(doubt)) => Err(in_doubt(&doubt)),
            (outcome, _) => outcome,
        }
    }

    /// `doubt` is what an attempt failed with that may have written all the same, now or later.
    async fn attempts<T, E>(
        self: &Arc<Self>,
        load_request: LoadRequest<'_>,
        options: WriteOptions<'_>,
        mut change: impl FnMut(Option<&C::Value>, &Answered) -> Result<ValueChange<C::Value, T>, WriteError<E>>,
        doubt: &mut Option<StoreError>,
    ) -> Result<T, WriteError<E>> {
        let mut request = self.object_request(&load_request).map_err(GetError::from)?;
        let mut lock = self.locked(&request).await?;
        let mut backoff = Backoff::new(BACKOFF_MIN, BACKOFF_MAX);
        for _ in 0..ATTEMPT_COUNT_MAX {
            request.fence = (options.fence)()?;
            let asked_at = self.parts.clock.now();
            let loading = self.load_locked(&request, asked_at, &mut lock, None);
            let entry = self.before_deadline(request.deadline, loading).await?;
            let changed = change(entry.of_key().map(|value| &**value), &entry.answered())?;
            let (value, answered, response) = match changed {
                ValueChange::Keep(response) => return Ok(response),
                ValueChange::Write {
                    value,
                    answered,
                    response,
                } => (value, answered, response),
            };
            let draft = self.draft(&request, &entry, value, answered)?;
            let entering = async { Ok(self.parts.access.enter(Urgency::Request, request.deadline).await?) };
            let pass = self.before_deadline::<_, GetError>(request.deadline, entering).await?;
            (options.fence)()?;
            let (back, outcome) = self.send(lock, draft, pass, request.deadline).await?;
            lock = back;
            match outcome {
                Ok(()) => return Ok(response),
                Err(StoreError::PreconditionFailed { .. }) => {
                    // What was in doubt was written before this, or never will be: it expected the same version.
                    *doubt = None;
                    self.parts.metrics.store.write_conflicts.inc();
                }
                Err(error) if !may_have_happened(&error) => return Err(WriteError::Store(Arc::new(error))),
                Err(error) if !options.is_repeatable => return Err(in_doubt(&error)),
                Err(error) => *doubt = Some(error),
            }
            tokio::time::sleep(backoff.next_delay()).await;
        }
        Err(WriteError::Contended {
            attempt_count: ATTEMPT_COUNT_MAX,
        })
    }

    async fn locked(&self, request: &ObjectRequest<C::Value>) -> Result<KeyLock, GetError> {
        let locking = async { Ok(self.locks.lock(&request.key).await?) };
        self.before_deadline(request.deadline, locking).await
    }

    fn draft<E>(
        &self,
        request: &ObjectRequest<C::Value>,
        present: &WarmEntry<C::Value>,
        value: Option<Arc<C::Value>>,
        answered: Answered,
    ) -> Result<PreparedWrite<C::Value>, WriteError<E>> {
        let encoded = value.as_ref().map(|value| self.codec.encode(value)).transpose();
        let encoded = encoded.map_err(|reason| WriteError::Unencodable(reason.to_string()))?;
        let length = encoded.as_ref().map_or(0, Bytes::len);
        let stored = StoredObject {
            value: encoded,
            answered: answered.clone(),
        };
        Ok(PreparedWrite {
            request: request.clone(),
            object: stored.into_bytes(),
            expect: present.etag().cloned().map_or(Expect::Absent, Expect::Matches),
            value: value.map(|value| DecodedValue {
                size: self.codec.weight(&value, length),
                value: CachedValue::OfKey(value),
            }),
            answered,
            heat: present.heat(),
        })
    }

    /// Puts a draft. Once sent, it is brought to its end whether or not the caller waits for it, and the lock is held
    /// until then: what is in memory is never older than what this pod wrote.
    async fn send<E>(
        self: &Arc<Self>,
        lock: KeyLock,
        draft: PreparedWrite<C::Value>,
        pass: Pass,
        deadline: Timestamp,
    ) -> Result<Sent, WriteError<E>> {
        let (done, sent) = oneshot::channel();
        let warm = Arc::clone(self);
        self.parts.tasks.spawn_supervised("write", async move {
            let outcome = warm.put(draft, pass).await;
            // The caller may have gone.
            drop(done.send((lock, outcome)));
        });
        tokio::select! {
            sent = sent => sent.map_err(|_| WriteError::InDoubt {
                reason: "the process is stopping".to_owned(),
            }),
            () = self.parts.clock.sleep_until(deadline) => Err(WriteError::InDoubt {
                reason: "the store had not answered by the deadline".to_owned(),
            }),
        }
    }

    async fn put(&self, draft: PreparedWrite<C::Value>, pass: Pass) -> Result<(), StoreError> {
        let PreparedWrite { request, object, .. } = &draft;
        let began_at = self.parts.clock.now();
        let outcome = self
            .parts
            .store
            .put(&request.name, object.clone(), draft.expect.clone())
            .await;
        let took = self.parts.clock.now().since(began_at);
        self.parts
            .metrics
            .store
            .record_write(object.len(), took, outcome.is_ok());
        pass.ended(admission_outcome(&outcome));
        match outcome {
            Ok(etag) => {
                self.written(draft, etag, began_at);
                Ok(())
            }
            Err(error) => {
                self.invalidate(&request.key, &request.name);
                Err(error)
            }
        }
    }

    /// The draft is what the store holds now.
    fn written(&self, draft: PreparedWrite<C::Value>, etag: ETag, at: Timestamp) {
        let checked = draft.request.fence.check_at(at);
        if let Some(disk) = &self.parts.disk {
            disk.put(&draft.request.name, &etag, draft.object, checked);
        }
        let entry = draft
            .request
            .entry_of(etag, draft.answered, draft.value, checked, draft.heat);
        self.insert(&draft.request.key, &entry);
    }
}

/// Whether the store may hold what was to be written, although it did not say so.
fn may_have_happened(error: &StoreError) -> bool {
    error.is_retryable() || matches!(error, StoreError::Undecided { .. })
}

fn in_doubt<E>(error: &StoreError) -> WriteError<E> {
    WriteError::InDoubt {
        reason: error.to_string(),
    }
}
