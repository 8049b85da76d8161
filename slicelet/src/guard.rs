//! The guard: what a request handler holds while it uses a key.

use std::future::{Future, ready};
use std::sync::Arc;

use emberkeep_core::assignment::Generation;
use emberkeep_core::keyspace::{Slice, SliceKey};
use emberkeep_store::{ObjectName, StoreError};
use futures::future::Either;

use crate::codec::{Codec, Raw};
use crate::slicelet::Slicelet;
use crate::warm::{GetError, HashedKey, Hold};

/// The right to answer for one key, from [`Slicelet::own`].
///
/// A guard costs one unit of load, charged when it is made; [`Guard::charge`] says what it really costs.
pub struct Guard<'a, C: Codec = Raw> {
    slicelet: &'a Slicelet<C>,
    key: HashedKey<'a>,
    slice_key: SliceKey,
    hold: Hold,
    epoch: Generation,
    /// Units that are charged already and that the next charge covers.
    prepaid: u64,
}

impl<'a, C: Codec> Guard<'a, C> {
    #[inline]
    pub(crate) const fn new(
        slicelet: &'a Slicelet<C>,
        key: HashedKey<'a>,
        slice_key: SliceKey,
        hold: Hold,
        epoch: Generation,
    ) -> Self {
        Self {
            slicelet,
            key,
            slice_key,
            hold,
            epoch,
            prepaid: 1,
        }
    }

    /// The key's value: at once if it is warm, else loaded, once for all who ask at the same time.
    ///
    /// # Errors
    /// When there is no object, or it cannot be loaded; see [`GetError`].
    #[inline]
    pub fn get(&self) -> impl Future<Output = Result<Arc<C::Value>, GetError>> + Send {
        match self.slicelet.warm_store().warm(&self.key, self.hold) {
            Some(value) => Either::Left(ready(Ok(value))),
            // Boxed, so that the future of a warm key stays small.
            None => Either::Right(Box::pin(self.load())),
        }
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
        holding.ownership.has_held_since(&self.slice_key, self.hold.at)
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
        self.slicelet
            .warm_store()
            .load(&self.key, &self.slice_key, self.hold)
            .await
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
