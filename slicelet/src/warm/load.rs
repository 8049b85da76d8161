//! Loading: from memory, else from disk, else from the store.
//!
//! ```text
//! memory --counts--> answer
//!    | known, but does not count: is it still that version? --no bytes--> it counts again
//!    v unknown
//! disk --counts--> decode --> memory          all under the lock of the key, so that one asks for all
//!    | does not count: is it still that version?
//!    v
//! store --> decode --> memory, disk
//! ```

use std::sync::Arc;
use std::time::Duration;

use emberkeep_core::slicelet::Answered;
use emberkeep_core::slicelet::admission::{Outcome, Urgency};
use emberkeep_core::time::Timestamp;
use emberkeep_store::{ETag, ObjectName, Read, StoreError};

use super::GetError;
use super::decoder::{decoded, of_paths, undecodable};
use super::disk::OnDisk;
use super::entry::Entry;
use super::envelope::Said;
use super::freshness::Checked;
use super::key::HashedKey;
use super::key_locks::KeyLock;
use super::store::{Ask, Want, WarmStore};
use crate::codec::Codec;
use crate::metrics::Cause;
use crate::store_access::Pass;

/// How often a read is tried that the store is too busy for.
const ATTEMPT_COUNT_MAX: u32 = 3;

/// Whoever waits for the store in vain is told so at its deadline, which says more than that it took too long. On a busy
/// machine that word comes a little late.
const GRACE: Duration = Duration::from_millis(100);

/// What is known of an object that has to be checked.
enum Candidate<V> {
    InMemory(Entry<V>),
    OnDisk(OnDisk),
    Nothing,
}

impl<C: Codec> WarmStore<C> {
    /// The value of a key, loaded if need be: one read for all who ask at the same time.
    pub(crate) async fn load(&self, ask: Ask<'_>) -> Result<Arc<C::Value>, GetError> {
        self.parts.metrics.loads.inc();
        let want = self.want(&ask)?;
        let entry = self.in_time(ask.deadline, self.loaded(&want)).await?;
        let value = entry.of_key().ok_or(GetError::NotFound)?;
        Ok(Arc::clone(value))
    }

    /// The value of a path, kept as long as the key is owned under which it is asked for.
    pub(crate) async fn fetch<D: Codec>(&self, ask: Ask<'_>, path: &str, codec: D) -> Result<Arc<D::Value>, GetError> {
        let want = Want {
            key: HashedKey::of_path(path).to_warm(),
            name: ObjectName::new(path).map_err(StoreError::from)?,
            decoder: of_paths(codec),
            counts_with: Some(ask.slice_key.clone()),
            hold: ask.hold,
            deadline: ask.deadline,
        };
        if let Some(value) = self.fresh(&want, Timestamp::NEVER).and_then(|entry| entry.of_path()) {
            return Ok(value);
        }
        self.parts.metrics.loads.inc();
        let entry = self.in_time(ask.deadline, self.loaded(&want)).await?;
        match entry.of_path() {
            Some(value) => Ok(value),
            None if entry.value.is_none() => Err(GetError::NotFound),
            // It was asked for with another codec before.
            None => {
                self.doubt(&want.key, &want.name);
                let entry = self.in_time(ask.deadline, self.loaded(&want)).await?;
                entry.of_path().ok_or(GetError::NotFound)
            }
        }
    }

    /// Loads the value of a key ahead of its use, unless it is warm or someone is about to load it. Whoever waits for a
    /// place at the store holds no lock meanwhile: a request for the same key is not to wait behind it.
    pub(crate) async fn prefetch(&self, ask: Ask<'_>) -> Result<(), GetError> {
        let (want, asked_at) = (self.want(&ask)?, Timestamp::NEVER);
        if self.fresh(&want, asked_at).is_some() {
            return Ok(());
        }
        let pass = self.parts.access.enter(Urgency::Prefetch, ask.deadline).await?;
        let Some(mut lock) = self.locks.try_lock(&want.key) else {
            return Ok(());
        };
        let loading = self.loaded_alone(&want, asked_at, &mut lock, Some(pass));
        self.in_time(ask.deadline, loading).await.map(drop)
    }

    async fn loaded(&self, want: &Want<C::Value>) -> Result<Entry<C::Value>, GetError> {
        let asked_at = self.parts.clock.now();
        let mut lock = self.locks.lock(&want.key).await?;
        self.loaded_alone(want, asked_at, &mut lock, None).await
    }

    /// What counts for a request that began at `asked_at`.
    pub(super) async fn loaded_alone(
        &self,
        want: &Want<C::Value>,
        asked_at: Timestamp,
        lock: &mut KeyLock,
        pass: Option<Pass>,
    ) -> Result<Entry<C::Value>, GetError> {
        // Someone else may have loaded it since.
        if let Some(entry) = self.fresh(want, asked_at) {
            if entry.value.is_none() {
                self.parts.metrics.missing_hits.inc();
            }
            return Ok(entry);
        }
        if let Some(failure) = lock.failure_since(asked_at) {
            return Err(failure);
        }
        let outcome = self.refreshed(want, pass).await;
        if let Err(error) = &outcome {
            lock.failed(error.clone(), self.parts.clock.now());
        }
        outcome
    }

    async fn refreshed(&self, want: &Want<C::Value>, pass: Option<Pass>) -> Result<Entry<C::Value>, GetError> {
        let checked = want.hold.checked(self.parts.clock.now());
        let candidate = self.candidate(want).await;
        if let Candidate::OnDisk(on_disk) = &candidate
            && let Some(checked) = self.checked_on_disk(want, on_disk)
        {
            self.parts.metrics.disk_hits.inc();
            return self.take_in(want, on_disk.clone(), checked).await;
        }
        match (self.read(want, candidate.etag(), pass).await?, candidate) {
            (Read::Found(object), _) => {
                if let Some(disk) = &self.parts.disk {
                    disk.put(&want.name, &object.etag, object.bytes.clone(), checked);
                }
                let (etag, bytes) = (object.etag, object.bytes);
                self.take_in(want, OnDisk { etag, bytes }, checked).await
            }
            (Read::NotModified, Candidate::InMemory(entry)) => Ok(self.confirm(want, entry, checked)),
            (Read::NotModified, Candidate::OnDisk(on_disk)) => {
                if let Some(disk) = &self.parts.disk {
                    disk.is_newest(&want.name, &on_disk.etag, checked);
                }
                self.take_in(want, on_disk, checked).await
            }
            (Read::Missing, _) => Ok(self.missing(want, checked)),
            (Read::NotModified, Candidate::Nothing) => Err(unasked(self.parts.store.place()).into()),
        }
    }

    async fn candidate(&self, want: &Want<C::Value>) -> Candidate<C::Value> {
        if let Some(entry) = self.known(&want.key).filter(|entry| entry.object.is_some()) {
            return Candidate::InMemory(entry);
        }
        match &self.parts.disk {
            Some(disk) => disk.get(&want.name).await.map_or(Candidate::Nothing, Candidate::OnDisk),
            None => Candidate::Nothing,
        }
    }

    fn checked_on_disk(&self, want: &Want<C::Value>, on_disk: &OnDisk) -> Option<Checked> {
        let disk = self.parts.disk.as_ref()?;
        disk.checked(&want.name, &on_disk.etag, want.hold, self.parts.clock.now())
    }

    /// Decodes an object and keeps its value.
    pub(super) async fn take_in(
        &self,
        want: &Want<C::Value>,
        found: OnDisk,
        checked: Checked,
    ) -> Result<Entry<C::Value>, GetError> {
        let said = match want.counts_with {
            Some(_) => Said {
                value: Some(found.bytes),
                answered: Answered::default(),
            },
            None => Said::of_object(found.bytes).map_err(|reason| undecodable(&want.name, &*reason))?,
        };
        let value = match said.value {
            Some(bytes) => Some(decoded(&want.decoder, &want.name, bytes).await?),
            None => None,
        };
        let heat = self.known(&want.key).map_or(0, |entry| entry.heat());
        let entry = want.found(found.etag, said.answered, value, checked, heat);
        self.keep(&want.key, &entry);
        Ok(entry)
    }

    fn confirm(&self, want: &Want<C::Value>, entry: Entry<C::Value>, checked: Checked) -> Entry<C::Value> {
        let entry = Entry { checked, ..entry };
        if let (Some(disk), Some(etag)) = (&self.parts.disk, entry.etag()) {
            disk.is_newest(&want.name, etag, checked);
        }
        self.keep(&want.key, &entry);
        entry
    }

    fn missing(&self, want: &Want<C::Value>, checked: Checked) -> Entry<C::Value> {
        if let Some(disk) = &self.parts.disk {
            disk.remove(&want.name);
        }
        let entry = Entry::missing(checked);
        self.keep(&want.key, &entry);
        entry
    }

    /// Reads the object from the store, in its turn.
    async fn read(&self, want: &Want<C::Value>, unless: Option<&ETag>, pass: Option<Pass>) -> Result<Read, GetError> {
        let cause = match (&pass, unless) {
            (Some(_), _) => Cause::Prefetch,
            (None, Some(_)) => Cause::Revalidate,
            (None, None) => Cause::Miss,
        };
        let mut pass = pass;
        for _ in 1..ATTEMPT_COUNT_MAX {
            match self.read_once(want, unless, pass.take(), cause).await {
                Err(GetError::Store(error)) if is_busy(&error) => {}
                outcome => return outcome,
            }
        }
        self.read_once(want, unless, pass, cause).await
    }

    /// After a refusal, whoever enters next waits a while: see `Admission`.
    async fn read_once(
        &self,
        want: &Want<C::Value>,
        unless: Option<&ETag>,
        pass: Option<Pass>,
        cause: Cause,
    ) -> Result<Read, GetError> {
        let pass = match pass {
            Some(pass) => pass,
            // Whoever waits has a deadline of its own and gives up at it.
            None => self.parts.access.enter(Urgency::Request, want.deadline).await?,
        };
        let began_at = self.parts.clock.now();
        let outcome = self.parts.store.get(&want.name, unless).await;
        let size = match &outcome {
            Ok(Read::Found(object)) => object.bytes.len(),
            Ok(Read::Missing | Read::NotModified) | Err(_) => 0,
        };
        let took = self.parts.clock.now().since(began_at);
        self.parts.metrics.store.read(cause, size, took);
        pass.ended(outcome_of(&outcome));
        Ok(outcome?)
    }

    /// What comes of it before the deadline.
    pub(super) async fn in_time<T, E: From<GetError>>(
        &self,
        deadline: Timestamp,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let began_at = self.parts.clock.now();
        tokio::select! {
            biased;
            outcome = work => outcome,
            () = self.parts.clock.sleep_until(deadline + GRACE) => {
                let after = deadline.since(began_at);
                Err(GetError::TooSlow { after }.into())
            }
        }
    }
}

impl<V> Candidate<V> {
    fn etag(&self) -> Option<&ETag> {
        match self {
            Self::InMemory(entry) => entry.etag(),
            Self::OnDisk(on_disk) => Some(&on_disk.etag),
            Self::Nothing => None,
        }
    }
}

/// How a request of the store ended, for whoever bounds them.
pub(super) fn outcome_of<T>(outcome: &Result<T, StoreError>) -> Outcome {
    match outcome {
        Err(error) if is_busy(error) => Outcome::Busy,
        Ok(_) | Err(_) => Outcome::Served,
    }
}

fn is_busy(error: &StoreError) -> bool {
    matches!(error, StoreError::Busy { .. } | StoreError::Timeout { .. })
}

/// No version was named that could have been unchanged.
fn unasked(place: &str) -> StoreError {
    StoreError::Unexpected {
        place: place.to_owned(),
        reason: "a read without a condition was answered with not modified".to_owned(),
    }
}
