//! Writes: a conditional put to the store first, then the update of memory and disk.
//!
//! ```text
//! lock the key --> check ownership --> load --> change --> admission --> check ownership --> conditional put --> memory, disk
//!                        ^                                                                        | conflict: another
//!                        +--------------------------- backoff <-----------------------------------+ pod wrote it
//! ```

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use emberkeep_core::slicelet::Answered;
use emberkeep_core::slicelet::admission::Urgency;
use emberkeep_core::time::Timestamp;
use emberkeep_runtime::backoff::Backoff;
use emberkeep_runtime::trace_context::PART_OF_TRACE;
use emberkeep_store::{ETag, Expect, StoreError};
use tokio::sync::oneshot;
use tracing::{Instrument, debug_span};

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
use crate::store_access::Permit;

/// The decision of a change on the present value.
pub(crate) enum ValueChange<V, T> {
    /// Write a new version of the object.
    Write {
        /// `None` removes the value.
        value: Option<Arc<V>>,
        /// The answered requests to store with the value.
        answered: Answered,
        /// Returned to the caller once the write is durable.
        response: T,
    },
    /// Write nothing and return this to the caller.
    Keep(T),
}

/// Conditions of a write.
pub(crate) struct WriteOptions<'a> {
    /// Checks ownership and returns the fence for a write.
    pub(crate) fence: &'a (dyn Fn() -> Result<OwnershipFence, OwnError> + Send + Sync),
    /// Whether the change may run again while the outcome of an earlier attempt is unknown.
    pub(crate) is_repeatable: bool,
}

/// Attempts of one write before it fails with [`WriteError::Contended`].
const ATTEMPT_COUNT_MAX: u32 = 16;
/// Waits after a conflict or a failure of the store.
const BACKOFF_MIN: Duration = Duration::from_millis(5);
const BACKOFF_MAX: Duration = Duration::from_millis(500);

/// A new version of an object, encoded and ready to be put.
struct PreparedWrite<V> {
    request: ObjectRequest<V>,
    object: Bytes,
    expect: Expect,
    value: Option<DecodedValue<V>>,
    answered: Answered,
    heat: u32,
}

/// The outcome of a put, with the lock that was held during it.
type FinishedPut = (KeyLock, Result<(), StoreError>);

impl<C: Codec> WarmStore<C> {
    /// Changes the value of a key. `change` receives the present value and the answered requests stored with it, and runs
    /// again if another pod wrote the object meanwhile.
    pub(crate) async fn write<T, E>(
        self: &Arc<Self>,
        load_request: LoadRequest<'_>,
        options: WriteOptions<'_>,
        change: impl FnMut(Option<&C::Value>, &Answered) -> Result<ValueChange<C::Value, T>, WriteError<E>>,
    ) -> Result<T, WriteError<E>> {
        let mut doubt = None;
        let span = debug_span!(target: PART_OF_TRACE, "emberkeep.write");
        let attempts = self.attempts(load_request, options, change, &mut doubt);
        match (attempts.instrument(span).await, doubt) {
            // The caller repeats the request at the owner, which reads the actual outcome of an attempt in doubt.
            (Err(error @ WriteError::NotOwner(_)), _) => Err(error),
            (Err(_), Some(doubt)) => Err(in_doubt(&doubt)),
            (outcome, _) => outcome,
        }
    }

    /// `doubt` is set to the error of an attempt whose put may nevertheless take effect, now or later.
    async fn attempts<T, E>(
        self: &Arc<Self>,
        load_request: LoadRequest<'_>,
        options: WriteOptions<'_>,
        mut change: impl FnMut(Option<&C::Value>, &Answered) -> Result<ValueChange<C::Value, T>, WriteError<E>>,
        doubt: &mut Option<StoreError>,
    ) -> Result<T, WriteError<E>> {
        let mut request = self.object_request(&load_request).map_err(GetError::from)?;
        let mut lock = self.lock(&request).await?;
        let mut backoff = Backoff::new(BACKOFF_MIN, BACKOFF_MAX);
        for _ in 0..ATTEMPT_COUNT_MAX {
            request.fence = (options.fence)()?;
            let requested_at = self.parts.clock.now();
            let loading = self.load_locked(&request, requested_at, &mut lock, None);
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
            let prepared = self.prepare(&request, &entry, value, answered)?;
            let entering = async { Ok(self.parts.access.enter(Urgency::Request, request.deadline).await?) };
            let permit = self.before_deadline::<_, GetError>(request.deadline, entering).await?;
            (options.fence)()?;
            let (back, outcome) = self.put_detached(lock, prepared, permit, request.deadline).await?;
            lock = back;
            match outcome {
                Ok(()) => return Ok(response),
                Err(StoreError::PreconditionFailed { .. }) => {
                    // Resolves a doubt: an attempt in doubt expected the same version, so it has either taken effect by now
                    // or will be rejected as this one was.
                    *doubt = None;
                    self.parts.metrics.store.write_conflicts.inc();
                }
                Err(error) if !may_be_written(&error) => return Err(WriteError::Store(Arc::new(error))),
                Err(error) if !options.is_repeatable => return Err(in_doubt(&error)),
                Err(error) => *doubt = Some(error),
            }
            tokio::time::sleep(backoff.next_delay()).await;
        }
        Err(WriteError::Contended {
            attempt_count: ATTEMPT_COUNT_MAX,
        })
    }

    async fn lock(&self, request: &ObjectRequest<C::Value>) -> Result<KeyLock, GetError> {
        let locking = async { Ok(self.locks.lock(&request.key).await?) };
        self.before_deadline(request.deadline, locking).await
    }

    fn prepare<E>(
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

    /// Puts a prepared write in a task of its own, so that the put runs to its end even if the caller stops waiting. The
    /// task holds the lock until then: memory never holds an older version than this pod's last put.
    async fn put_detached<E>(
        self: &Arc<Self>,
        lock: KeyLock,
        prepared: PreparedWrite<C::Value>,
        permit: Permit,
        deadline: Timestamp,
    ) -> Result<FinishedPut, WriteError<E>> {
        let (done, finished) = oneshot::channel();
        let warm = Arc::clone(self);
        let put = async move {
            let outcome = warm.put(prepared, permit).await;
            // The send fails if the caller no longer waits.
            drop(done.send((lock, outcome)));
        };
        self.parts.tasks.spawn_supervised("write", put.in_current_span());
        tokio::select! {
            finished = finished => finished.map_err(|_| WriteError::InDoubt {
                reason: "the process is stopping".to_owned(),
            }),
            () = self.parts.clock.sleep_until(deadline) => Err(WriteError::InDoubt {
                reason: "the store had not answered by the deadline".to_owned(),
            }),
        }
    }

    async fn put(&self, prepared: PreparedWrite<C::Value>, permit: Permit) -> Result<(), StoreError> {
        let PreparedWrite { request, object, .. } = &prepared;
        let began_at = self.parts.clock.now();
        let outcome = self
            .parts
            .store
            .put(&request.name, object.clone(), prepared.expect.clone())
            .await;
        let took = self.parts.clock.now().since(began_at);
        self.parts
            .metrics
            .store
            .record_write(object.len(), took, outcome.is_ok());
        permit.on_ended(admission_outcome(&outcome));
        match outcome {
            Ok(etag) => {
                self.on_written(prepared, etag, began_at);
                Ok(())
            }
            Err(error) => {
                self.invalidate(&request.key, &request.name);
                Err(error)
            }
        }
    }

    /// Stores the version now in the store in memory and on disk.
    fn on_written(&self, prepared: PreparedWrite<C::Value>, etag: ETag, at: Timestamp) {
        let checked = prepared.request.fence.check_at(at);
        if let Some(disk) = &self.parts.disk {
            disk.put(&prepared.request.name, &etag, prepared.object, checked);
        }
        let entry = prepared
            .request
            .entry_of(etag, prepared.answered, prepared.value, checked, prepared.heat);
        self.insert(&prepared.request.key, &entry);
    }
}

/// Whether a put that failed with `error` may have taken effect.
fn may_be_written(error: &StoreError) -> bool {
    error.is_retryable() || matches!(error, StoreError::Undecided { .. })
}

fn in_doubt<E>(error: &StoreError) -> WriteError<E> {
    WriteError::InDoubt {
        reason: error.to_string(),
    }
}
