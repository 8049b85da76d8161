//! The guard: a request handler's handle on one key.

use std::future::{Future, ready};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use emberkeep_core::assignment::Generation;
use emberkeep_core::keyspace::{Slice, SliceKey};
use emberkeep_runtime::grpc_timeout;
use emberkeep_store::{ObjectName, StoreError};
use futures::future::Either;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tonic::metadata::MetadataMap;

use crate::codec::{Codec, Raw};
use crate::key_access::KeyAccess;
use crate::warm::{GetError, HashedKey, LoadRequest, OwnershipFence, WriteError};
use crate::writer::Writer;

/// The right to answer for one key, from [`Slicelet::own`](crate::Slicelet::own). Reads and writes of the key's value go
/// through it.
///
/// Creating a guard charges one unit of load to the key's slice; [`Guard::charge`] corrects that to the actual cost.
pub struct Guard<'a, C: Codec = Raw> {
    access: &'a KeyAccess<C>,
    key: HashedKey<'a>,
    slice_key: SliceKey,
    fence: OwnershipFence,
    epoch: Generation,
    /// Limits each read and write below the slicelet's `load_deadline`; `None` applies that alone.
    wait_limit: Option<Duration>,
    /// Units charged already, to be deducted from the next charge.
    prepaid: u64,
}

impl<'a, C: Codec> Guard<'a, C> {
    #[inline]
    pub(crate) const fn new(
        access: &'a KeyAccess<C>,
        key: HashedKey<'a>,
        slice_key: SliceKey,
        fence: OwnershipFence,
        epoch: Generation,
    ) -> Self {
        Self {
            access,
            key,
            slice_key,
            fence,
            epoch,
            wait_limit: None,
            prepaid: 1,
        }
    }

    /// Limits each read and write of this guard to the deadline in a gRPC request's `grpc-timeout` header. Without the
    /// header, or with one later than the slicelet's `load_deadline`, the latter applies.
    #[must_use]
    pub fn until_deadline_of(self, request: &MetadataMap) -> Self {
        match grpc_timeout::of_headers(request.as_ref()) {
            Some(timeout) => self.within(timeout),
            None => self,
        }
    }

    /// Limits each read and write of this guard to `wait_limit`, or to the slicelet's `load_deadline` where that is
    /// shorter.
    #[must_use]
    pub const fn within(mut self, wait_limit: Duration) -> Self {
        self.wait_limit = Some(wait_limit);
        self
    }

    /// The key's value. A warm value is returned without waiting; otherwise it is loaded, with one read of object storage
    /// for all concurrent requests.
    ///
    /// # Errors
    /// The object is missing or cannot be loaded; see [`GetError`].
    #[inline]
    pub fn get(&self) -> impl Future<Output = Result<Arc<C::Value>, GetError>> + Send {
        match self.access.warm.warm_value(&self.key, self.fence) {
            Some(value) => Either::Left(ready(Ok(value))),
            // Boxed to keep the future of a warm key small.
            None => Either::Right(Box::pin(self.load())),
        }
    }

    /// The bytes of the object at `path`: any object of the store, named relative to the store's prefix, no matter who
    /// wrote it. It stays warm beside the values of keys, under the same memory budget, while the pod owns this guard's
    /// key.
    ///
    /// # Errors
    /// The object is missing or cannot be loaded; see [`GetError`].
    pub async fn get_or_fetch(&self, path: &str) -> Result<Bytes, GetError> {
        let bytes = self.get_or_fetch_as(path, Raw).await?;
        Ok(Bytes::clone(&bytes))
    }

    /// The object at `path`, decoded by `codec`; see [`Guard::get_or_fetch`]. The decoded value stays warm.
    ///
    /// # Errors
    /// The object is missing, or cannot be loaded or decoded; see [`GetError`].
    pub async fn get_or_fetch_as<D: Codec>(&self, path: &str, codec: D) -> Result<Arc<D::Value>, GetError> {
        self.access.warm.fetch(self.load_request(), path, codec).await
    }

    /// Changes the key's value. `change` receives the present value (`None` if there is none) and returns the new one,
    /// which this method returns once it is durable.
    ///
    /// At most one change of a key runs at a time on this pod. The write is conditional on the version that `change`
    /// received; if another pod wrote the object meanwhile, `change` runs again on the new version. Readers see the
    /// present value until the new one is durable.
    ///
    /// # Errors
    /// An error of `change` is returned as [`WriteError::Refused`], and nothing is written. See [`WriteError`] for all
    /// others.
    pub async fn update<E>(
        &self,
        change: impl FnMut(Option<&C::Value>) -> Result<C::Value, E> + Send,
    ) -> Result<Arc<C::Value>, WriteError<E>>
    where
        E: Send,
    {
        Writer::try_new(self.access, self.load_request())?.update(change).await
    }

    /// Removes the key's value and returns whether there was one. The answers stored by [`Guard::once`] are kept.
    ///
    /// # Errors
    /// See [`WriteError`]; never [`WriteError::Refused`].
    pub async fn remove(&self) -> Result<bool, WriteError<std::convert::Infallible>> {
        Writer::try_new(self.access, self.load_request())?.remove().await
    }

    /// Changes the key's value and returns an answer, once for each `request_id`: repeated calls with the same id return
    /// the first answer, also from other clients, on other pods, and after a crash between write and answer.
    ///
    /// Ids and answers are stored in the key's object beside its value, within the limits of
    /// [`Builder::remember_requests`](crate::Builder::remember_requests); a request repeated after its id has expired
    /// takes effect again. Answers are stored as JSON; ids have 1 to 128 bytes.
    ///
    /// # Errors
    /// As [`Guard::update`]. After [`WriteError::InDoubt`], call again with the same id.
    pub async fn once<A, E>(
        &self,
        request_id: impl AsRef<[u8]> + Send,
        change: impl FnMut(Option<&C::Value>) -> Result<(C::Value, A), E> + Send,
    ) -> Result<A, WriteError<E>>
    where
        A: Serialize + DeserializeOwned + Send,
        E: Send,
    {
        let writer = Writer::try_new(self.access, self.load_request())?;
        writer.once(request_id.as_ref(), change).await
    }

    /// Sets the cost of the request to `units` of load, including the one charged at creation. Further calls add to it.
    pub fn charge(&mut self, units: u64) {
        let extra = units.saturating_sub(self.prepaid);
        self.prepaid = self.prepaid.saturating_sub(units);
        if extra > 0 {
            self.access.charge(&self.slice_key, extra);
        }
    }

    /// Whether the pod has owned the key without interruption since the guard was created.
    #[must_use]
    pub fn is_current(&self) -> bool {
        let snapshot = self.access.published.snapshot.load();
        snapshot.ownership.has_held_since(&self.slice_key, self.fence.at)
    }

    /// The fencing token: the generation of the last change of the key's owners before the guard was created.
    #[must_use]
    pub const fn epoch(&self) -> Generation {
        self.epoch
    }

    /// The slice that contains the key in the assignment now in effect.
    #[must_use]
    pub fn slice(&self) -> Slice {
        let snapshot = self.access.published.snapshot.load();
        snapshot.ownership.assignment().get(&self.slice_key).0
    }

    /// The name of the object that stores the key's value, for services and import jobs that write it directly.
    ///
    /// # Errors
    /// The key is too long for an object name.
    pub fn object_name(&self) -> Result<ObjectName, StoreError> {
        self.access.warm.object_name(self.key.bytes(), &self.slice_key)
    }

    /// The application key, as given to [`Slicelet::own`](crate::Slicelet::own).
    #[must_use]
    pub const fn key(&self) -> &'a [u8] {
        self.key.bytes()
    }

    #[cold]
    async fn load(&self) -> Result<Arc<C::Value>, GetError> {
        self.access.warm.load(self.load_request()).await
    }

    /// A read or write of the key that begins now.
    pub(crate) fn load_request(&self) -> LoadRequest<'_> {
        LoadRequest {
            key: self.key,
            slice_key: &self.slice_key,
            fence: self.fence,
            deadline: self.access.deadline(self.wait_limit),
        }
    }
}

impl<C: Codec> std::fmt::Debug for Guard<'_, C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guard")
            .field("slice_key", &self.slice_key)
            .field("epoch", &self.epoch)
            .finish_non_exhaustive()
    }
}
