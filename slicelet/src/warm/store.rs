//! The warm store itself.

use std::sync::Arc;
use std::time::Duration;

use emberkeep_core::assignment::Generation;
use emberkeep_core::keyspace::SliceKey;
use emberkeep_core::target::TargetName;
use emberkeep_runtime::clock::Clock;
use emberkeep_store::{ObjectName, Read, Store, StoreError};
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{OptionsBuilder, Weighter};
use tokio::sync::Semaphore;

use super::GetError;
use super::entry::{Entry, Failure, InBytes};
use super::key::{HashedKey, HashedOnce, WarmKey};
use crate::byte_size::ByteSize;
use crate::codec::Codec;
use crate::holding::Holding;
use crate::metrics::Metrics;

/// How values are loaded.
#[derive(Debug, Clone)]
pub(crate) struct LoadSettings {
    /// How many bytes of values, with what they need beside, are kept.
    pub(crate) memory_budget: ByteSize,
    /// How many reads of the store may run at a time.
    pub(crate) concurrency: usize,
    /// How long a request waits for a load.
    pub(crate) deadline: Duration,
    /// How long a missing object stays missing.
    pub(crate) missing_life: Duration,
}

/// By what right a request asks: the generation its guard goes by, and the one since which the key is held.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hold {
    pub(crate) at: Generation,
    pub(crate) since: Generation,
}

/// Entries by key, weighed in bytes, in shards with a lock each.
type Entries<V> = Cache<WarmKey, Entry<V>, InBytes, HashedOnce, DefaultLifecycle<WarmKey, Entry<V>>>;

/// Decoded values in memory, each loaded once.
pub(crate) struct WarmStore<C: Codec> {
    entries: Entries<C::Value>,
    codec: C,
    store: Store,
    target: TargetName,
    settings: LoadSettings,
    permits: Semaphore,
    clock: Clock,
    metrics: Metrics,
}

/// Values of about this size are expected; being wrong by ten or a hundred times costs little.
const EXPECTED_VALUE_SIZE: u64 = 1 << 10;
/// No part of the store may be smaller: an entry larger than its part is never kept.
const SHARD_SIZE_MIN: u64 = 32 << 20;
const SHARD_COUNT_MAX: u64 = 64;

impl<C: Codec> WarmStore<C> {
    pub(crate) fn new(
        codec: C,
        store: Store,
        target: TargetName,
        settings: LoadSettings,
        clock: Clock,
        metrics: Metrics,
    ) -> Self {
        let budget = settings.memory_budget.as_bytes();
        let shards = (budget / SHARD_SIZE_MIN).clamp(1, SHARD_COUNT_MAX);
        let options = OptionsBuilder::new()
            .weight_capacity(budget)
            .estimated_items_capacity(usize::try_from(budget / EXPECTED_VALUE_SIZE).unwrap_or(usize::MAX))
            .shards(usize::try_from(shards).expect("it is at most 64"))
            .build()
            .expect("both capacities are set");
        Self {
            entries: Cache::with_options(options, InBytes, HashedOnce::default(), DefaultLifecycle::default()),
            permits: Semaphore::new(settings.concurrency),
            codec,
            store,
            target,
            settings,
            clock,
            metrics,
        }
    }

    /// The value, if it is warm.
    #[inline]
    pub(crate) fn warm(&self, key: &HashedKey<'_>, hold: Hold) -> Option<Arc<C::Value>> {
        match self.entries.get(key)? {
            Entry::Found { value, loaded_at, .. } if loaded_at >= hold.since => Some(value),
            Entry::Found { .. } | Entry::Missing { .. } | Entry::Failed(_) => None,
        }
    }

    /// The value, loaded if need be: one read for all who ask at the same time.
    pub(crate) async fn load(
        &self,
        key: &HashedKey<'_>,
        slice_key: &SliceKey,
        hold: Hold,
    ) -> Result<Arc<C::Value>, GetError> {
        self.metrics.loads.inc();
        let after = self.settings.deadline;
        let load = self.load_once(key, slice_key, hold);
        tokio::time::timeout(after, load)
            .await
            .unwrap_or(Err(GetError::TooSlow { after }))
    }

    /// Forgets every value whose key is not kept.
    pub(crate) fn retain(&self, is_kept: impl Fn(&HashedKey<'_>) -> bool) {
        self.entries.retain(|key, _| is_kept(&key.as_hashed()));
    }

    /// How many bytes are warm.
    pub(crate) fn size(&self) -> u64 {
        self.entries.weight()
    }

    /// How many keys are warm.
    pub(crate) fn key_count(&self) -> usize {
        self.entries.len()
    }

    /// How many bytes are warm in each range, by its number, and how long it took to find out. Takes a while where much
    /// is warm, but keeps no request waiting.
    pub(crate) fn size_by_range(&self, holding: &Holding) -> (Vec<u64>, Duration) {
        let began_at = self.clock.now();
        let mut sizes = vec![0; holding.ownership.range_count()];
        for (key, entry) in self.entries.iter() {
            let slice_key = key.as_hashed().slice_key(holding.key_mode);
            let (range, _) = holding.ownership.share_of(&slice_key);
            sizes[range] += InBytes.weight(&key, &entry);
        }
        (sizes, self.clock.now().since(began_at))
    }

    async fn load_once(
        &self,
        key: &HashedKey<'_>,
        slice_key: &SliceKey,
        hold: Hold,
    ) -> Result<Arc<C::Value>, GetError> {
        let asked_at = self.clock.now();
        let key = key.to_warm();
        loop {
            match self.entries.get_value_or_guard_async(&key).await {
                Ok(entry) => match entry.answer(hold, asked_at) {
                    Some(answer) => {
                        self.metrics.count_if_missing(&answer);
                        return answer;
                    }
                    None => {
                        let is_stale = |entry: &Entry<C::Value>| entry.answer(hold, asked_at).is_none();
                        self.entries.remove_if(&key, is_stale);
                    }
                },
                Err(place) => {
                    let entry = self.read(&key, slice_key, hold).await;
                    // An entry larger than the budget is not kept, but answered all the same.
                    let _ = place.insert(entry.clone());
                    self.entries.remove_if(&key, Entry::is_failed);
                    return entry.into_result();
                }
            }
        }
    }

    /// Where the value of a key lies.
    pub(crate) fn object_name(&self, key: &[u8], slice_key: &SliceKey) -> Result<ObjectName, StoreError> {
        ObjectName::of_key(self.target.as_str(), &slice_key.to_bytes(), key)
    }

    async fn read(&self, key: &WarmKey, slice_key: &SliceKey, hold: Hold) -> Entry<C::Value> {
        match self.try_read(key, slice_key, hold).await {
            Ok(entry) => entry,
            Err(error) => Entry::Failed(Arc::new(Failure {
                error,
                at: self.clock.now(),
            })),
        }
    }

    async fn try_read(&self, key: &WarmKey, slice_key: &SliceKey, hold: Hold) -> Result<Entry<C::Value>, GetError> {
        let name = self.object_name(key.as_hashed().bytes(), slice_key)?;
        let _permit = self.permits.acquire().await.expect("the semaphore is never closed");
        let began_at = self.clock.now();
        let read = self.store.get(&name, None).await;
        let size = match &read {
            Ok(Read::Found(object)) => object.bytes.len(),
            Ok(Read::Missing | Read::NotModified) | Err(_) => 0,
        };
        self.metrics.store_read(size, self.clock.now().since(began_at));
        match read? {
            Read::Found(object) => self.decoded(&name, object.bytes, hold),
            Read::Missing | Read::NotModified => Ok(Entry::Missing {
                loaded_at: hold.at,
                until: self.clock.now() + self.settings.missing_life,
            }),
        }
    }

    fn decoded(&self, name: &ObjectName, bytes: bytes::Bytes, hold: Hold) -> Result<Entry<C::Value>, GetError> {
        let encoded_length = bytes.len();
        let value = self.codec.decode(bytes).map_err(|reason| GetError::Undecodable {
            object: name.to_string(),
            reason: reason.to_string(),
        })?;
        Ok(Entry::Found {
            weight: self.codec.weight(&value, encoded_length) as u64,
            value: Arc::new(value),
            loaded_at: hold.at,
        })
    }
}
