//! The guard: what a request handler holds while it uses a key.

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
use crate::own_error::OwnError;
use crate::slicelet::Slicelet;
use crate::warm::{GetError, HashedKey, LoadRequest, OwnershipFence, WriteError};

/// The right to answer for one key, from [`Slicelet::own`].
///
/// A guard costs one unit of load, charged when it is made; [`Guard::charge`] says what it really costs.
pub struct Guard<'a, C: Codec = Raw> {
    slicelet: &'a Slicelet<C>,
    key: HashedKey<'a>,
    slice_key: SliceKey,
    fence: OwnershipFence,
    epoch: Generation,
    /// How long the guard's reads and writes may wait; as long as the slicelet's settings allow, if it does not say.
    patience: Option<Duration>,
    /// Units that are charged already and that the next charge covers.
    prepaid: u64,
}

impl<'a, C: Codec> Guard<'a, C> {
    #[inline]
    pub(crate) const fn new(
        slicelet: &'a Slicelet<C>,
        key: HashedKey<'a>,
        slice_key: SliceKey,
        fence: OwnershipFence,
        epoch: Generation,
    ) -> Self {
        Self {
            slicelet,
            key,
            slice_key,
            fence,
            epoch,
            patience: None,
            prepaid: 1,
        }
    }

    /// Reads and writes by this guard wait no longer than the caller does: takes the deadline that a gRPC request
    /// carries, if it carries one that is sooner than the slicelet's own.
    #[must_use]
    pub fn until_deadline_of(self, request: &MetadataMap) -> Self {
        match grpc_timeout::of_headers(request.as_ref()) {
            Some(timeout) => self.within(timeout),
            None => self,
        }
    }

    /// Reads and writes by this guard wait for so long at most, each, if that is less than the slicelet allows.
    #[must_use]
    pub const fn within(mut self, patience: Duration) -> Self {
        self.patience = Some(patience);
        self
    }

    /// The key's value: at once if it is warm, else loaded, once for all who ask at the same time.
    ///
    /// # Errors
    /// When there is no object, or it cannot be loaded; see [`GetError`].
    #[inline]
    pub fn get(&self) -> impl Future<Output = Result<Arc<C::Value>, GetError>> + Send {
        match self.slicelet.warm_store().warm_value(&self.key, self.fence) {
            Some(value) => Either::Left(ready(Ok(value))),
            // Boxed, so that the future of a warm key stays small.
            None => Either::Right(Box::pin(self.load())),
        }
    }

    /// The object at `path`, as its bytes: any object of the store, by its name below the store's prefix, written by
    /// whoever. It is kept warm beside the values of keys, for as long as the pod owns this guard's key.
    ///
    /// # Errors
    /// When there is no object, or it cannot be loaded; see [`GetError`].
    pub async fn get_or_fetch(&self, path: &str) -> Result<Bytes, GetError> {
        let bytes = self.get_or_fetch_as(path, Raw).await?;
        Ok(Bytes::clone(&bytes))
    }

    /// The object at `path`, decoded by `codec`: see [`Guard::get_or_fetch`]. What is kept warm is the decoded value.
    ///
    /// # Errors
    /// When there is no object, or it cannot be loaded or decoded; see [`GetError`].
    pub async fn get_or_fetch_as<D: Codec>(&self, path: &str, codec: D) -> Result<Arc<D::Value>, GetError> {
        self.slicelet.warm_store().fetch(self.load_request(), path, codec).await
    }

    /// Changes the key's value: `change` gets the present one (`None` where there is none) and makes the new one, which
    /// is answered once it is durable.
    ///
    /// It runs alone for this key on this pod, and is written on the condition that the object still is the version that
    /// `change` was given; if another pod has written it meanwhile, `change` runs again on what that wrote. Until the
    /// new value is durable, readers see the present one.
    ///
    /// # Errors
    /// Whatever `change` fails with comes back as [`WriteError::Refused`], and nothing is written. For all else see
    /// [`WriteError`].
    pub async fn update<E>(
        &self,
        change: impl FnMut(Option<&C::Value>) -> Result<C::Value, E> + Send,
    ) -> Result<Arc<C::Value>, WriteError<E>>
    where
        E: Send,
    {
        self.slicelet.writer()?.update(self, change).await
    }

    /// Removes the key's value; answers whether there was one. What was answered by [`Guard::once`] is remembered all the
    /// same.
    ///
    /// # Errors
    /// See [`WriteError`]; it is never [`WriteError::Refused`].
    pub async fn remove(&self) -> Result<bool, WriteError<std::convert::Infallible>> {
        self.slicelet.writer()?.remove(self).await
    }

    /// Changes the key's value and answers, once for each `request_id`, however often it is called with it: by several
    /// clients, on several pods, after a crash between write and answer. A repeated request gets the first answer.
    ///
    /// The ids and answers are kept in the key's object beside its value, as many and as long as
    /// [`Builder::remember_requests`](crate::Builder::remember_requests) says; a request that is repeated later has its
    /// effect again. Answers are kept as JSON.
    ///
    /// # Errors
    /// As [`Guard::update`]. After [`WriteError::InDoubt`] call again with the same id.
    pub async fn once<A, E>(
        &self,
        request_id: impl AsRef<[u8]> + Send,
        change: impl FnMut(Option<&C::Value>) -> Result<(C::Value, A), E> + Send,
    ) -> Result<A, WriteError<E>>
    where
        A: Serialize + DeserializeOwned + Send,
        E: Send,
    {
        self.slicelet.writer()?.once(self, request_id.as_ref(), change).await
    }

    /// Says that the request cost this many units of load, the one it was charged when the guard was made included.
    /// Charging again adds to it.
    pub fn charge(&mut self, units: u64) {
        let extra = units.saturating_sub(self.prepaid);
        self.prepaid = self.prepaid.saturating_sub(units);
        if extra > 0 {
            self.slicelet.charge(&self.slice_key, extra);
        }
    }

    /// Whether the pod has owned the key without interruption since the guard was made.
    #[must_use]
    pub fn is_current(&self) -> bool {
        let holding = self.slicelet.published().holding.load();
        holding.ownership.has_held_since(&self.slice_key, self.fence.at)
    }

    /// The fencing token: the generation at which the owners of the key last changed when the guard was made.
    #[must_use]
    pub const fn epoch(&self) -> Generation {
        self.epoch
    }

    /// The slice that holds the key now.
    #[must_use]
    pub fn slice(&self) -> Slice {
        let holding = self.slicelet.published().holding.load();
        holding.ownership.assignment().get(&self.slice_key).0
    }

    /// The name of the object that holds the key's value: where a service or an import job writes it.
    ///
    /// # Errors
    /// When the key is too long to be named in object storage.
    pub fn object_name(&self) -> Result<ObjectName, StoreError> {
        self.slicelet
            .warm_store()
            .object_name(self.key.bytes(), &self.slice_key)
    }

    /// The application key.
    #[must_use]
    pub const fn key(&self) -> &'a [u8] {
        self.key.bytes()
    }

    #[cold]
    async fn load(&self) -> Result<Arc<C::Value>, GetError> {
        self.slicelet.warm_store().load(self.load_request()).await
    }

    /// By what right the key may be written now.
    pub(crate) fn fence(&self) -> Result<OwnershipFence, OwnError> {
        self.slicelet.fence(&self.slice_key, self.fence.at)
    }

    pub(crate) fn load_request(&self) -> LoadRequest<'_> {
        LoadRequest {
            key: self.key,
            slice_key: &self.slice_key,
            fence: self.fence,
            deadline: self.slicelet.deadline(self.patience),
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
