//! Loads: from memory, else from disk, else from the store.
//!
//! ```text
//! memory --fresh--> answer
//!    | stale: conditional read --not modified, no bytes--> fresh again
//!    v absent
//! disk --fresh--> decode --> memory           all under the lock of the key, so that one request reads for all
//!    | stale: conditional read --not modified, no bytes--> decode --> memory
//!    v absent
//! store --> decode --> memory, disk
//! ```

use std::sync::Arc;
use std::time::Duration;

use emberkeep_core::slicelet::Answered;
use emberkeep_core::slicelet::admission::{StoreOutcome, Urgency};
use emberkeep_core::time::Timestamp;
use emberkeep_store::{ETag, ObjectName, Read, StoreError};
use tracing::Instrument;

use super::GetError;
use super::decoder::{decode, path_decoder, undecodable};
use super::disk::DiskObject;
use super::entry::WarmEntry;
use super::freshness::VersionCheck;
use super::hashed_key::HashedKey;
use super::key_locks::KeyLock;
use super::load_trace::{LoadOrigin, load_span, record_origin};
use super::store::{LoadRequest, ObjectRequest, WarmStore};
use super::stored_object::StoredObject;
use crate::codec::Codec;
use crate::metrics::ReadCause;
use crate::request::on_loaded;
use crate::store_access::Permit;

/// Attempts of a read while the store is busy.
const ATTEMPT_COUNT_MAX: u32 = 3;

/// Added to the deadline of a load. Admission rejects a waiting request at its deadline with `Overloaded`, which is
/// more specific than `TooSlow`; on a busy machine the rejection arrives a little late.
const DEADLINE_GRACE: Duration = Duration::from_millis(100);

/// The version of an object known to this pod, to be checked against the store.
enum KnownVersion<V> {
    InMemory(WarmEntry<V>),
    OnDisk(DiskObject),
    None,
}

impl<C: Codec> WarmStore<C> {
    /// The value of a key, loaded if it is not fresh: with one read for all concurrent requests.
    pub(crate) async fn load(&self, load_request: LoadRequest<'_>) -> Result<Arc<C::Value>, GetError> {
        self.parts.metrics.loads.inc();
        let request = self.object_request(&load_request)?;
        let entry = self.load_object(&request).await?;
        let value = entry.of_key().ok_or(GetError::NotFound)?;
        Ok(Arc::clone(value))
    }

    /// The value of the object at `path`, retained as long as the key of `load_request` is owned.
    pub(crate) async fn fetch<D: Codec>(
        &self,
        load_request: LoadRequest<'_>,
        path: &str,
        codec: D,
    ) -> Result<Arc<D::Value>, GetError> {
        let request = ObjectRequest {
            key: HashedKey::of_path(path).to_warm(),
            name: ObjectName::new(path).map_err(StoreError::from)?,
            decoder: path_decoder(codec),
            retained_with: Some(load_request.slice_key.clone()),
            fence: load_request.fence,
            deadline: load_request.deadline,
        };
        let fresh = self.fresh_entry(&request, Timestamp::NEVER);
        if let Some(value) = fresh.and_then(|entry| entry.of_path()) {
            return Ok(value);
        }
        self.parts.metrics.loads.inc();
        let entry = self.load_object(&request).await?;
        match entry.of_path() {
            Some(value) => Ok(value),
            None if entry.value.is_none() => Err(GetError::NotFound),
            // The warm value has the type of another codec: load the object again with this one.
            None => {
                self.invalidate(&request.key, &request.name);
                let entry = self.load_object(&request).await?;
                entry.of_path().ok_or(GetError::NotFound)
            }
        }
    }

    /// Loads the value of a key ahead of its use, unless it is fresh or being loaded. Waits for admission without holding the
    /// key's lock, so that no request for the key waits behind the prefetch.
    pub(crate) async fn prefetch(&self, load_request: LoadRequest<'_>) -> Result<(), GetError> {
        let (request, requested_at) = (self.object_request(&load_request)?, Timestamp::NEVER);
        if self.fresh_entry(&request, requested_at).is_some() {
            return Ok(());
        }
        let permit = self
            .parts
            .access
            .enter(Urgency::Prefetch, load_request.deadline)
            .await?;
        let Some(mut lock) = self.locks.try_lock(&request.key) else {
            return Ok(());
        };
        let loading = self.load_locked(&request, requested_at, &mut lock, Some(permit));
        self.before_deadline(load_request.deadline, loading).await.map(drop)
    }

    async fn load_object(&self, request: &ObjectRequest<C::Value>) -> Result<WarmEntry<C::Value>, GetError> {
        on_loaded();
        let requested_at = self.parts.clock.now();
        let loading = async {
            let mut lock = self.locks.lock(&request.key).await?;
            self.load_locked(request, requested_at, &mut lock, None).await
        };
        self.before_deadline(request.deadline, loading)
            .instrument(load_span())
            .await
    }

    /// An entry that is fresh for a request that began at `requested_at`. The caller holds the key's lock.
    pub(super) async fn load_locked(
        &self,
        request: &ObjectRequest<C::Value>,
        requested_at: Timestamp,
        lock: &mut KeyLock,
        permit: Option<Permit>,
    ) -> Result<WarmEntry<C::Value>, GetError> {
        // Another request may have loaded it while this one waited for the lock.
        if let Some(entry) = self.fresh_entry(request, requested_at) {
            record_origin(LoadOrigin::OtherRequest, 0);
            if entry.value.is_none() {
                self.parts.metrics.missing_hits.inc();
            }
            return Ok(entry);
        }
        if let Some(failure) = lock.failure_since(requested_at) {
            return Err(failure);
        }
        let outcome = self.load_current(request, permit).await;
        if let Err(error) = &outcome {
            lock.record_failure(error.clone(), self.parts.clock.now());
        }
        outcome
    }

    async fn load_current(
        &self,
        request: &ObjectRequest<C::Value>,
        permit: Option<Permit>,
    ) -> Result<WarmEntry<C::Value>, GetError> {
        let checked = request.fence.check_at(self.parts.clock.now());
        let known_version = self.known_version(request).await;
        if let KnownVersion::OnDisk(on_disk) = &known_version
            && let Some(checked) = self.disk_check(request, on_disk)
        {
            self.parts.metrics.disk_hits.inc();
            record_origin(LoadOrigin::Disk, on_disk.bytes.len());
            return self.decode_and_insert(request, on_disk.clone(), checked).await;
        }
        match (self.read(request, known_version.etag(), permit).await?, known_version) {
            (Read::Found(object), _) => {
                record_origin(LoadOrigin::Store, object.bytes.len());
                if let Some(disk) = &self.parts.disk {
                    disk.put(&request.name, &object.etag, object.bytes.clone(), checked);
                }
                let (etag, bytes) = (object.etag, object.bytes);
                self.decode_and_insert(request, DiskObject { etag, bytes }, checked)
                    .await
            }
            (Read::NotModified, KnownVersion::InMemory(entry)) => {
                record_origin(LoadOrigin::MemoryChecked, 0);
                Ok(self.refresh_entry(request, entry, checked))
            }
            (Read::NotModified, KnownVersion::OnDisk(on_disk)) => {
                record_origin(LoadOrigin::DiskChecked, on_disk.bytes.len());
                if let Some(disk) = &self.parts.disk {
                    disk.record_newest(&request.name, &on_disk.etag, checked);
                }
                self.decode_and_insert(request, on_disk, checked).await
            }
            (Read::Missing, _) => {
                record_origin(LoadOrigin::NoObject, 0);
                Ok(self.insert_missing(request, checked))
            }
            (Read::NotModified, KnownVersion::None) => {
                Err(unsolicited_not_modified(self.parts.store.location()).into())
            }
        }
    }

    async fn known_version(&self, request: &ObjectRequest<C::Value>) -> KnownVersion<C::Value> {
        if let Some(entry) = self.entry(&request.key).filter(|entry| entry.object.is_some()) {
            return KnownVersion::InMemory(entry);
        }
        match &self.parts.disk {
            Some(disk) => disk
                .get(&request.name)
                .await
                .map_or(KnownVersion::None, KnownVersion::OnDisk),
            None => KnownVersion::None,
        }
    }

    fn disk_check(&self, request: &ObjectRequest<C::Value>, on_disk: &DiskObject) -> Option<VersionCheck> {
        let disk = self.parts.disk.as_ref()?;
        disk.known_check(&request.name, &on_disk.etag, request.fence, self.parts.clock.now())
    }

    /// Decodes an object and replaces its entry.
    pub(super) async fn decode_and_insert(
        &self,
        request: &ObjectRequest<C::Value>,
        found: DiskObject,
        checked: VersionCheck,
    ) -> Result<WarmEntry<C::Value>, GetError> {
        let stored = match request.retained_with {
            Some(_) => StoredObject {
                value: Some(found.bytes),
                answered: Answered::default(),
            },
            None => StoredObject::from_bytes(found.bytes).map_err(|reason| undecodable(&request.name, &*reason))?,
        };
        let value = match stored.value {
            Some(bytes) => Some(decode(&request.decoder, &request.name, bytes).await?),
            None => None,
        };
        let heat = self.entry(&request.key).map_or(0, |entry| entry.heat());
        let entry = request.entry_of(found.etag, stored.answered, value, checked, heat);
        self.insert(&request.key, &entry);
        Ok(entry)
    }

    fn refresh_entry(
        &self,
        request: &ObjectRequest<C::Value>,
        entry: WarmEntry<C::Value>,
        checked: VersionCheck,
    ) -> WarmEntry<C::Value> {
        let entry = WarmEntry { checked, ..entry };
        if let (Some(disk), Some(etag)) = (&self.parts.disk, entry.etag()) {
            disk.record_newest(&request.name, etag, checked);
        }
        self.insert(&request.key, &entry);
        entry
    }

    fn insert_missing(&self, request: &ObjectRequest<C::Value>, checked: VersionCheck) -> WarmEntry<C::Value> {
        if let Some(disk) = &self.parts.disk {
            disk.remove(&request.name);
        }
        let entry = WarmEntry::missing(checked);
        self.insert(&request.key, &entry);
        entry
    }

    /// Reads the object from the store, again while the store is busy, up to [`ATTEMPT_COUNT_MAX`] times.
    async fn read(
        &self,
        request: &ObjectRequest<C::Value>,
        unless: Option<&ETag>,
        permit: Option<Permit>,
    ) -> Result<Read, GetError> {
        let cause = match (&permit, unless) {
            (Some(_), _) => ReadCause::Prefetch,
            (None, Some(_)) => ReadCause::Revalidate,
            (None, None) => ReadCause::Miss,
        };
        let mut permit = permit;
        for _ in 1..ATTEMPT_COUNT_MAX {
            match self.read_once(request, unless, permit.take(), cause).await {
                Err(GetError::Store(error)) if is_busy(&error) => {}
                outcome => return outcome,
            }
        }
        self.read_once(request, unless, permit, cause).await
    }

    /// Reads the object from the store once admitted. After a read that found the store busy, admission pauses: see
    /// `Admission`.
    async fn read_once(
        &self,
        request: &ObjectRequest<C::Value>,
        unless: Option<&ETag>,
        permit: Option<Permit>,
        cause: ReadCause,
    ) -> Result<Read, GetError> {
        let permit = match permit {
            Some(permit) => permit,
            // No timeout here: admission rejects the request at its deadline.
            None => self.parts.access.enter(Urgency::Request, request.deadline).await?,
        };
        let began_at = self.parts.clock.now();
        let outcome = self.parts.store.get(&request.name, unless).await;
        let size = match &outcome {
            Ok(Read::Found(object)) => object.bytes.len(),
            Ok(Read::Missing | Read::NotModified) | Err(_) => 0,
        };
        let took = self.parts.clock.now().since(began_at);
        self.parts.metrics.store.record_read(cause, size, took);
        permit.on_ended(admission_outcome(&outcome));
        Ok(outcome?)
    }

    /// The outcome of `work`, or `TooSlow` once the deadline has passed.
    pub(super) async fn before_deadline<T, E: From<GetError>>(
        &self,
        deadline: Timestamp,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let began_at = self.parts.clock.now();
        tokio::select! {
            biased;
            outcome = work => outcome,
            () = self.parts.clock.sleep_until(deadline + DEADLINE_GRACE) => {
                let after = deadline.since(began_at);
                Err(GetError::TooSlow { after }.into())
            }
        }
    }
}

impl<V> KnownVersion<V> {
    fn etag(&self) -> Option<&ETag> {
        match self {
            Self::InMemory(entry) => entry.etag(),
            Self::OnDisk(on_disk) => Some(&on_disk.etag),
            Self::None => None,
        }
    }
}

/// The outcome of a request of the store as reported to admission.
pub(super) fn admission_outcome<T>(outcome: &Result<T, StoreError>) -> StoreOutcome {
    match outcome {
        Err(error) if is_busy(error) => StoreOutcome::Busy,
        Ok(_) | Err(_) => StoreOutcome::Served,
    }
}

fn is_busy(error: &StoreError) -> bool {
    matches!(error, StoreError::Busy { .. } | StoreError::Timeout { .. })
}

/// The store violated its protocol: a read without a condition was answered with "not modified".
fn unsolicited_not_modified(location: &str) -> StoreError {
    StoreError::Unexpected {
        location: location.to_owned(),
        reason: "a read without a condition was answered with not modified".to_owned(),
    }
}
