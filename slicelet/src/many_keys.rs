//! Work on many keys at a time.

use std::sync::Arc;

use futures::{StreamExt, stream};

use crate::codec::Codec;
use crate::slicelet::Slicelet;
use crate::warm::{HotValue, WriteError};

impl<C: Codec> Slicelet<C> {
    /// Changes the values of many keys, each on its own as [`Guard::update`](crate::Guard::update) does, as many at a time
    /// as the store is read (`load_concurrency`). Answers what came of each, in the order of the keys: some may be
    /// written and others not.
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
        stream::iter(updates).buffered(self.load_concurrency()).collect().await
    }

    /// Loads the values of those keys that the pod owns and that are not warm, ahead of their use: after the requests of
    /// clients, so that nobody waits for it. Answers for how many of the keys there is nothing left to load: their value is
    /// warm, known to be missing, or about to be loaded by someone else.
    pub async fn prefetch<K>(&self, keys: impl IntoIterator<Item = K>) -> usize
    where
        K: AsRef<[u8]> + Sync,
    {
        let loads = keys.into_iter().map(async |key| match self.own(&key) {
            Ok(guard) => self.warm_store().prefetch(guard.load_request()).await.is_ok(),
            Err(_) => false,
        });
        let loaded = stream::iter(loads).buffer_unordered(self.load_concurrency());
        loaded.filter(|is_warm| std::future::ready(*is_warm)).count().await
    }

    /// The warm keys that are asked for most, hottest first, `count_max` at most: what a service may note down, to
    /// [prefetch](Self::prefetch) it when it starts again. Looks at all that is warm, so it is nothing to do in each
    /// request.
    #[must_use]
    pub fn hottest(&self, count_max: usize) -> Vec<HotValue> {
        self.warm_store().hottest(count_max)
    }
}
