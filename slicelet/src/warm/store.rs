//! The warm store: entries in memory, their sizes and heat.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use emberkeep_core::keyspace::SliceKey;
use emberkeep_core::slicelet::{Answered, AnsweredLimits};
use emberkeep_core::target::{KeyMode, TargetName};
use emberkeep_core::time::Timestamp;
use emberkeep_runtime::clock::Clock;
use emberkeep_runtime::tasks::Tasks;
use emberkeep_store::{ETag, ObjectName, Store, StoreError};
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{OptionsBuilder, Weighter};

use super::decoder::{self, DecodedValue, Decoder};
use super::disk::DiskTier;
use super::entry::{ByteWeighter, ObjectMetadata, WarmEntry};
use super::freshness::{Freshness, OwnershipFence, VersionCheck};
use super::hashed_key::{HashedKey, HashedOnce, WarmKey};
use super::hot_value::HotValue;
use super::key_locks::KeyLocks;
use super::warm_by_range::WarmByRange;
use crate::byte_size::ByteSize;
use crate::codec::Codec;
use crate::metrics::Metrics;
use crate::ownership_snapshot::OwnershipSnapshot;
use crate::store_access::StoreAccess;

/// Settings of the warm store.
#[derive(Debug, Clone)]
pub(crate) struct WarmSettings {
    /// Bound of all entries, including their overhead.
    pub(crate) memory_budget: ByteSize,
    pub(crate) freshness: Freshness,
    /// Lifetime of a negative entry.
    pub(crate) missing_lifetime: Duration,
    /// Limits of the answered requests stored with each key.
    pub(crate) answered: AnsweredLimits,
}

/// Settings and components of the warm store.
pub(crate) struct WarmParts {
    pub(crate) target: TargetName,
    pub(crate) settings: WarmSettings,
    pub(crate) store: Store,
    pub(crate) access: StoreAccess,
    pub(crate) disk: Option<DiskTier>,
    pub(crate) clock: Clock,
    pub(crate) metrics: Metrics,
    pub(crate) tasks: Tasks,
}

/// A read or write of one key, as requested through a guard.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LoadRequest<'a> {
    pub(crate) key: HashedKey<'a>,
    pub(crate) slice_key: &'a SliceKey,
    pub(crate) fence: OwnershipFence,
    pub(crate) deadline: Timestamp,
}

/// A request for one object, with what is needed to load and decode it.
pub(super) struct ObjectRequest<V> {
    pub(super) key: WarmKey,
    pub(super) name: ObjectName,
    pub(super) decoder: Decoder<V>,
    /// For an object requested by path: the slice key of the guard it was requested through. The object is retained as long
    /// as that is owned.
    pub(super) retained_with: Option<SliceKey>,
    pub(super) fence: OwnershipFence,
    pub(super) deadline: Timestamp,
}

impl<V> Clone for ObjectRequest<V> {
    fn clone(&self) -> Self {
        Self {
            key: self.key.clone(),
            name: self.name.clone(),
            decoder: Arc::clone(&self.decoder),
            retained_with: self.retained_with.clone(),
            fence: self.fence,
            deadline: self.deadline,
        }
    }
}

/// Entries by key, weighed in bytes. Each shard has a lock of its own.
type EntryCache<V> = Cache<WarmKey, WarmEntry<V>, ByteWeighter, HashedOnce, DefaultLifecycle<WarmKey, WarmEntry<V>>>;

/// Decoded values in memory.
pub(crate) struct WarmStore<C: Codec> {
    entries: EntryCache<C::Value>,
    pub(super) codec: Arc<C>,
    decoder: Decoder<C::Value>,
    pub(super) locks: Arc<KeyLocks>,
    pub(crate) parts: WarmParts,
}

/// Sizes the cache's initial tables. An estimate off by a factor of 100 costs a few resizes, or some idle memory.
const EXPECTED_VALUE_SIZE: u64 = 1 << 10;
/// The smallest shard, unless the whole budget is smaller. The cache rejects entries larger than their shard.
const SHARD_SIZE_MIN: u64 = 32 << 20;
const SHARD_COUNT_MAX: u64 = 64;

impl<C: Codec> WarmStore<C> {
    pub(crate) fn new(codec: C, parts: WarmParts) -> Self {
        let budget = parts.settings.memory_budget.as_bytes();
        let shards = (budget / SHARD_SIZE_MIN).clamp(1, SHARD_COUNT_MAX);
        let options = OptionsBuilder::new()
            .weight_capacity(budget)
            .estimated_items_capacity(usize::try_from(budget / EXPECTED_VALUE_SIZE).unwrap_or(usize::MAX))
            .shards(usize::try_from(shards).expect("it is at most 64"))
            .build()
            .expect("both capacities are set");
        let codec = Arc::new(codec);
        Self {
            entries: Cache::with_options(
                options,
                ByteWeighter,
                HashedOnce::default(),
                DefaultLifecycle::default(),
            ),
            decoder: decoder::key_decoder(Arc::clone(&codec)),
            codec,
            locks: Arc::default(),
            parts,
        }
    }

    /// The value of a key, if it is warm and fresh under `fence`.
    #[inline]
    pub(crate) fn warm_value(&self, key: &HashedKey<'_>, fence: OwnershipFence) -> Option<Arc<C::Value>> {
        let entry = self.entries.get(key)?;
        let is_fresh = fence.accepts(entry.checked, || self.parts.clock.now());
        let value = entry.of_key().filter(|_| is_fresh)?;
        entry.record_use();
        Some(Arc::clone(value))
    }

    /// Removes every entry whose slice key fails `is_kept`.
    pub(crate) fn retain(&self, mode: KeyMode, is_kept: impl Fn(&SliceKey) -> bool) {
        self.entries
            .retain(|key, entry| is_kept(&slice_key_of(key, entry, mode)));
    }

    /// Memory used by all entries, in bytes.
    pub(crate) fn size(&self) -> u64 {
        self.entries.weight()
    }

    /// Number of entries, negative ones and those of paths included.
    pub(crate) fn key_count(&self) -> usize {
        self.entries.len()
    }

    /// Sizes and key counts of each range. Iterates over all entries, without blocking requests.
    pub(crate) fn by_range(&self, snapshot: &OwnershipSnapshot) -> WarmByRange {
        let range_count = snapshot.ownership.range_count();
        let mut warm = WarmByRange {
            sizes: vec![0; range_count],
            key_counts: vec![0; range_count],
        };
        for (key, entry) in self.entries.iter() {
            let (range, _) = snapshot
                .ownership
                .share_of(&slice_key_of(&key, &entry, snapshot.key_mode));
            warm.sizes[range] += ByteWeighter.weight(&key, &entry);
            warm.key_counts[range] += 1;
        }
        warm
    }

    /// The hottest warm keys, at most `count_max`, hottest first. Iterates over and sorts all entries.
    pub(crate) fn hottest(&self, count_max: usize) -> Vec<HotValue> {
        let is_of_key = |(_, entry): &(WarmKey, WarmEntry<C::Value>)| entry.of_key().is_some();
        let mut all: Vec<_> = self
            .entries
            .iter()
            .filter(is_of_key)
            .map(|(key, entry)| (entry.heat(), key))
            .collect();
        all.sort_unstable_by(|(a, a_key), (b, b_key)| b.cmp(a).then_with(|| a_key.bytes().cmp(b_key.bytes())));
        all.truncate(count_max);
        let hot = |(heat, key): (u32, WarmKey)| HotValue {
            key: key.bytes().to_vec(),
            heat,
        };
        all.into_iter().map(hot).collect()
    }

    /// Halves the heat of all entries.
    pub(crate) fn halve_heat(&self) {
        self.entries.iter().for_each(|(_, entry)| entry.halve_heat());
    }

    /// Completes the pending writes of the disk tier.
    pub(crate) async fn close(&self) {
        if let Some(disk) = &self.parts.disk {
            disk.close().await;
        }
    }

    /// The name of the object that stores the value of a key.
    pub(crate) fn object_name(&self, key: &[u8], slice_key: &SliceKey) -> Result<ObjectName, StoreError> {
        let name = ObjectName::of_key(self.parts.target.as_str(), &slice_key.to_bytes(), key)?;
        Ok(name)
    }

    /// The request for the object of a key.
    pub(super) fn object_request(&self, load_request: &LoadRequest<'_>) -> Result<ObjectRequest<C::Value>, StoreError> {
        Ok(ObjectRequest {
            key: load_request.key.to_warm(),
            name: self.object_name(load_request.key.bytes(), load_request.slice_key)?,
            decoder: Arc::clone(&self.decoder),
            retained_with: None,
            fence: load_request.fence,
            deadline: load_request.deadline,
        })
    }

    /// All entries. Not a snapshot: each entry is as of the time it is visited.
    pub(super) fn entries(&self) -> impl Iterator<Item = (WarmKey, WarmEntry<C::Value>)> {
        self.entries.iter()
    }

    /// The entry of an object, fresh or not. Does not affect eviction.
    pub(super) fn entry(&self, key: &WarmKey) -> Option<WarmEntry<C::Value>> {
        self.entries.peek(key)
    }

    /// The entry of an object, if it is fresh for a request that began at `requested_at`.
    pub(super) fn fresh_entry(
        &self,
        request: &ObjectRequest<C::Value>,
        requested_at: Timestamp,
    ) -> Option<WarmEntry<C::Value>> {
        let entry = self.entries.get(&request.key)?;
        let now = self.parts.clock.now();
        let is_unexpired = entry.value.is_some() || now.since(entry.checked.at) < self.parts.settings.missing_lifetime;
        let is_fresh = request.fence.accepts_since(entry.checked, requested_at)
            || (is_unexpired && request.fence.accepts(entry.checked, || now));
        is_fresh.then_some(entry)
    }

    /// Replaces the entry of an object. An entry larger than its shard is not kept.
    pub(super) fn insert(&self, key: &WarmKey, entry: &WarmEntry<C::Value>) {
        self.entries.insert(key.clone(), entry.clone());
    }

    /// Drops the entry of an object that may have changed in the store; the next request reads it again.
    pub(super) fn invalidate(&self, key: &WarmKey, name: &ObjectName) {
        self.entries.remove(key);
        if let Some(disk) = &self.parts.disk {
            disk.invalidate(name);
        }
    }
}

impl<V> ObjectRequest<V> {
    /// The entry for the object found in the store, or written to it.
    pub(super) fn entry_of(
        &self,
        etag: ETag,
        answered: Answered,
        value: Option<DecodedValue<V>>,
        checked: VersionCheck,
        heat: u32,
    ) -> WarmEntry<V> {
        let (value, value_size) = value.map_or((None, 0), |decoded| (Some(decoded.value), decoded.size));
        WarmEntry {
            value,
            object: Some(Arc::new(ObjectMetadata {
                etag,
                answered,
                value_size,
                retained_with: self.retained_with.clone(),
                heat: AtomicU32::new(heat),
            })),
            checked,
        }
    }
}

/// The slice key whose ownership retains the entry.
fn slice_key_of<V>(key: &WarmKey, entry: &WarmEntry<V>, mode: KeyMode) -> SliceKey {
    let retained_with = entry
        .object
        .as_ref()
        .and_then(|metadata| metadata.retained_with.clone());
    retained_with.unwrap_or_else(|| key.as_hashed().slice_key(mode))
}
