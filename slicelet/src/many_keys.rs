//! Operations on many keys at a time.

use std::sync::Arc;

use futures::{StreamExt, stream};

use crate::codec::Codec;
use crate::slicelet::Slicelet;
use crate::warm::{HotValue, WriteError};

impl<C: Codec> Slicelet<C> {
    /// Changes the values of many keys, each separately as [`Guard::update`](crate::Guard::update) does, up to
    /// `load_concurrency` at a time. Returns the outcome of each in the order of the keys: some may be written and others
    /// not.
    pub async fn update_each<K, E>(
        &self,
        keys: impl IntoIterator<Item = K>,
        change: impl Fn(&K, Option<&C::Value>) -> Result<C::Value, E> + Sync,
    ) -> Vec<(K, Result<Arc<C::Value>, WriteError<E>>)>
    where
        K: AsRef<[u8]> + Sync,
        E: Send,
    {
        let updates = keys.into_iter().map(|key| {
            let change = &change;
            async move {
                let outcome = match self.own(&key) {
                    Ok(guard) => guard.update(|present| change(&key, present)).await,
                    Err(error) => Err(error.into()),
                };
                (key, outcome)
            }
        });
        stream::iter(updates)
            .buffered(self.access().load_concurrency)
            .collect()
            .await
    }

    /// Loads the values of the given keys ahead of their use, as far as the pod owns them and they are not warm. Client
    /// requests have priority at the store, so none waits for a prefetch. Returns the number of keys with nothing left to
    /// load: warm, known to be missing, or being loaded by another request.
    pub async fn prefetch<K>(&self, keys: impl IntoIterator<Item = K>) -> usize
    where
        K: AsRef<[u8]> + Sync,
    {
        let loads = keys.into_iter().map(async |key| match self.own(&key) {
            Ok(guard) => self.access().warm.prefetch(guard.load_request()).await.is_ok(),
            Err(_) => false,
        });
        let loaded = stream::iter(loads).buffer_unordered(self.access().load_concurrency);
        loaded.filter(|is_warm| std::future::ready(*is_warm)).count().await
    }

    /// The hottest warm keys, at most `count_max`, hottest first: a service may store them and
    /// [prefetch](Self::prefetch) them after a restart. Iterates over the whole warm store, so not for every request.
    #[must_use]
    pub fn hottest(&self, count_max: usize) -> Vec<HotValue> {
        self.access().warm.hottest(count_max)
    }
}
