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

use super::decoder::Decoded;
use super::entry::{Entry, Kept};
use super::envelope::Said;
use super::freshness::Hold;
use super::key_locks::KeyLock;
use super::load::outcome_of;
use super::store::{Ask, Want, WarmStore};
use super::{GetError, WriteError};
use crate::codec::Codec;
use crate::own_error::OwnError;
use crate::store_access::Permit;

/// What a change makes of the present value.
pub(crate) enum Change<V, T> {
    /// Another one, and another memory of what was answered.
    Write {
        /// None, if it is removed.
        value: Option<Arc<V>>,
        answered: Answered,
        /// What the caller is told once it is written.
        told: T,
    },
    /// It stays as it is, and the caller is told this.
    Keep(T),
}

/// How a write is to be done.
pub(crate) struct Manner<'a> {
    /// Whether the pod may still write the key, and what counts for it now.
    pub(crate) fence: &'a (dyn Fn() -> Result<Hold, OwnError> + Send + Sync),
    /// Whether the change may be tried again when it is not known whether it was written.
    pub(crate) is_repeatable: bool,
}

/// How often a write is tried while others write the same object.
const ATTEMPT_COUNT_MAX: u32 = 16;
/// How long to wait after others have written, or the store has failed.
const BACKOFF_MIN: Duration = Duration::from_millis(5);
const BACKOFF_MAX: Duration = Duration::from_millis(500);

/// A new version of an object, ready to be put.
struct Draft<V> {
    want: Want<V>,
    object: Bytes,
    expect: Expect,
    value: Option<Decoded<V>>,
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
        ask: Ask<'_>,
        manner: Manner<'_>,
        change: impl FnMut(Option<&C::Value>, &Answered) -> Result<Change<C::Value, T>, WriteError<E>>,
    ) -> Result<T, WriteError<E>> {
        let mut doubt = None;
        match (self.attempts(ask, manner, change, &mut doubt).await, doubt) {
            // Whoever goes on to the owner asks it again, and is answered by what really happened.
            (Err(error @ WriteError::NotOwner(_)), _) => Err(error),
            (Err(_), Some(doubt)) => Err(in_doubt(&doubt)),
            (outcome, _) => outcome,
        }
    }

    /// `doubt` is what an attempt failed with that may have written all the same, now or later.
    async fn attempts<T, E>(
        self: &Arc<Self>,
        ask: Ask<'_>,
        manner: Manner<'_>,
        mut change: impl FnMut(Option<&C::Value>, &Answered) -> Result<Change<C::Value, T>, WriteError<E>>,
        doubt: &mut Option<StoreError>,
    ) -> Result<T, WriteError<E>> {
        let mut want = self.want(&ask).map_err(GetError::from)?;
        let mut lock = self.locked(&want).await?;
        let mut backoff = Backoff::new(BACKOFF_MIN, BACKOFF_MAX);
        for _ in 0..ATTEMPT_COUNT_MAX {
            want.hold = (manner.fence)()?;
            let asked_at = self.parts.clock.now();
            let loading = self.loaded_alone(&want, asked_at, &mut lock, None);
            let entry = self.in_time(want.deadline, loading).await?;
            let changed = change(entry.of_key().map(|value| &**value), &entry.answered())?;
            let (value, answered, told) = match changed {
                Change::Keep(told) => return Ok(told),
                Change::Write { value, answered, told } => (value, answered, told),
            };
            let draft = self.draft(&want, &entry, value, answered)?;
            let entering = async { Ok(self.parts.access.enter(Urgency::Request, want.deadline).await?) };
            let pass = self.in_time::<_, GetError>(want.deadline, entering).await?;
            (manner.fence)()?;
            let (back, outcome) = self.send(lock, draft, pass, want.deadline).await?;
            lock = back;
            match outcome {
                Ok(()) => return Ok(told),
                Err(StoreError::PreconditionFailed { .. }) => {
                    // What was in doubt was written before this, or never will be: it expected the same version.
                    *doubt = None;
                    self.parts.metrics.store.lost_races.inc();
                }
                Err(error) if !may_have_happened(&error) => return Err(WriteError::Store(Arc::new(error))),
                Err(error) if !manner.is_repeatable => return Err(in_doubt(&error)),
                Err(error) => *doubt = Some(error),
            }
            tokio::time::sleep(backoff.next_delay()).await;
        }
        Err(WriteError::Contended {
            attempt_count: ATTEMPT_COUNT_MAX,
        })
    }

    async fn locked(&self, want: &Want<C::Value>) -> Result<KeyLock, GetError> {
        let locking = async { Ok(self.locks.lock(&want.key).await?) };
        self.in_time(want.deadline, locking).await
    }

    fn draft<E>(
        &self,
        want: &Want<C::Value>,
        present: &Entry<C::Value>,
        value: Option<Arc<C::Value>>,
        answered: Answered,
    ) -> Result<Draft<C::Value>, WriteError<E>> {
        let encoded = value.as_ref().map(|value| self.codec.encode(value)).transpose();
        let encoded = encoded.map_err(|reason| WriteError::Unencodable(reason.to_string()))?;
        let length = encoded.as_ref().map_or(0, Bytes::len);
        let said = Said {
            value: encoded,
            answered: answered.clone(),
        };
        Ok(Draft {
            want: want.clone(),
            object: said.into_object(),
            expect: present.etag().cloned().map_or(Expect::Absent, Expect::Matches),
            value: value.map(|value| Decoded {
                size: self.codec.weight(&value, length),
                kept: Kept::OfKey(value),
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
        draft: Draft<C::Value>,
        pass: Permit,
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

    async fn put(&self, draft: Draft<C::Value>, pass: Permit) -> Result<(), StoreError> {
        let Draft { want, object, .. } = &draft;
        let began_at = self.parts.clock.now();
        let outcome = self
            .parts
            .store
            .put(&want.name, object.clone(), draft.expect.clone())
            .await;
        let took = self.parts.clock.now().since(began_at);
        self.parts.metrics.store.written(object.len(), took, outcome.is_ok());
        pass.on_ended(outcome_of(&outcome));
        match outcome {
            Ok(etag) => {
                self.written(draft, etag, began_at);
                Ok(())
            }
            Err(error) => {
                self.doubt(&want.key, &want.name);
                Err(error)
            }
        }
    }

    /// The draft is what the store holds now.
    fn written(&self, draft: Draft<C::Value>, etag: ETag, at: Timestamp) {
        let checked = draft.want.hold.checked(at);
        if let Some(disk) = &self.parts.disk {
            disk.put(&draft.want.name, &etag, draft.object, checked);
        }
        let entry = draft.want.found(etag, draft.answered, draft.value, checked, draft.heat);
        self.keep(&draft.want.key, &entry);
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
