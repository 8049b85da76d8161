//! The warm store itself: what is in memory, and what is known of it.

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

use super::HotValue;
use super::decoder::{self, Decoded, Decoder};
use super::disk::DiskTier;
use super::entry::{Entry, Facts, InBytes, Kept};
use super::freshness::{Checked, Freshness, Hold};
use super::key::{HashedKey, HashedOnce, WarmKey};
use super::key_locks::KeyLocks;
use crate::byte_size::ByteSize;
use crate::codec::Codec;
use crate::holding::Holding;
use crate::metrics::Metrics;
use crate::store_access::StoreAccess;

/// How values are kept.
#[derive(Debug, Clone)]
pub(crate) struct WarmSettings {
    /// How many bytes of values, with what they need beside, are kept.
    pub(crate) memory_budget: ByteSize,
    /// How long values count.
    pub(crate) freshness: Freshness,
    /// How long a missing object stays missing.
    pub(crate) missing_life: Duration,
    /// How long the answers of requests are remembered.
    pub(crate) answered: AnsweredLimits,
}

/// What the warm store works with.
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

/// Who asks for a key, by what right, and until when it waits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ask<'a> {
    pub(crate) key: HashedKey<'a>,
    pub(crate) slice_key: &'a SliceKey,
    pub(crate) hold: Hold,
    pub(crate) deadline: Timestamp,
}

/// An object that is wanted.
pub(super) struct Want<V> {
    pub(super) key: WarmKey,
    pub(super) name: ObjectName,
    pub(super) decoder: Decoder<V>,
    /// The key under which an object is asked for by its path: it is kept as long as that is owned.
    pub(super) counts_with: Option<SliceKey>,
    pub(super) hold: Hold,
    pub(super) deadline: Timestamp,
}

impl<V> Clone for Want<V> {
    fn clone(&self) -> Self {
        Self {
            key: self.key.clone(),
            name: self.name.clone(),
            decoder: Arc::clone(&self.decoder),
            counts_with: self.counts_with.clone(),
            hold: self.hold,
            deadline: self.deadline,
        }
    }
}

/// Entries by key, weighed in bytes, in shards with a lock each.
type Entries<V> = Cache<WarmKey, Entry<V>, InBytes, HashedOnce, DefaultLifecycle<WarmKey, Entry<V>>>;

/// Decoded values in memory, each loaded once.
pub(crate) struct WarmStore<C: Codec> {
    entries: Entries<C::Value>,
    pub(super) codec: Arc<C>,
    decoder: Decoder<C::Value>,
    pub(super) locks: Arc<KeyLocks>,
    pub(crate) parts: WarmParts,
}

/// How much is warm in each range, by its number.
#[derive(Debug)]
pub(crate) struct WarmByRange {
    pub(crate) sizes: Vec<u64>,
    pub(crate) key_counts: Vec<u64>,
}

/// Values of about this size are expected; being wrong by ten or a hundred times costs little.
const EXPECTED_VALUE_SIZE: u64 = 1 << 10;
/// No part of the store may be smaller: an entry larger than its part is never kept.
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
            entries: Cache::with_options(options, InBytes, HashedOnce::default(), DefaultLifecycle::default()),
            decoder: decoder::of_keys(Arc::clone(&codec)),
            codec,
            locks: Arc::default(),
            parts,
        }
    }

    /// The value, if it is warm.
    #[inline]
    pub(crate) fn warm(&self, key: &HashedKey<'_>, hold: Hold) -> Option<Arc<C::Value>> {
        let entry = self.entries.get(key)?;
        let is_fresh = hold.accepts(entry.checked, || self.parts.clock.now());
        let value = entry.of_key().filter(|_| is_fresh)?;
        entry.warm();
        Some(Arc::clone(value))
    }

    /// Forgets every value whose slice key is not kept.
    pub(crate) fn retain(&self, mode: KeyMode, is_kept: impl Fn(&SliceKey) -> bool) {
        self.entries
            .retain(|key, entry| is_kept(&slice_key_of(key, entry, mode)));
    }

    /// How many bytes are warm.
    pub(crate) fn size(&self) -> u64 {
        self.entries.weight()
    }

    /// How many keys are warm.
    pub(crate) fn key_count(&self) -> usize {
        self.entries.len()
    }

    /// How much is warm in each range. Takes a while where much is warm, but keeps no request waiting.
    pub(crate) fn by_range(&self, holding: &Holding) -> WarmByRange {
        let range_count = holding.ownership.range_count();
        let mut warm = WarmByRange {
            sizes: vec![0; range_count],
            key_counts: vec![0; range_count],
        };
        for (key, entry) in self.entries.iter() {
            let (range, _) = holding
                .ownership
                .share_of(&slice_key_of(&key, &entry, holding.key_mode));
            warm.sizes[range] += InBytes.weight(&key, &entry);
            warm.key_counts[range] += 1;
        }
        warm
    }

    /// The warm keys that are asked for most, hottest first, `count_max` at most. Takes a while where much is warm.
    pub(crate) fn hottest(&self, count_max: usize) -> Vec<HotValue> {
        let is_of_key = |(_, entry): &(WarmKey, Entry<C::Value>)| entry.of_key().is_some();
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

    /// Halves the heat of all values.
    pub(crate) fn cool(&self) {
        self.entries.iter().for_each(|(_, entry)| entry.cool());
    }

    /// Writes to disk what still waits to be written there.
    pub(crate) async fn close(&self) {
        if let Some(disk) = &self.parts.disk {
            disk.close().await;
        }
    }

    /// Where the value of a key lies.
    pub(crate) fn object_name(&self, key: &[u8], slice_key: &SliceKey) -> Result<ObjectName, StoreError> {
        let name = ObjectName::of_key(self.parts.target.as_str(), &slice_key.to_bytes(), key)?;
        Ok(name)
    }

    /// The object of a key.
    pub(super) fn want(&self, ask: &Ask<'_>) -> Result<Want<C::Value>, StoreError> {
        Ok(Want {
            key: ask.key.to_warm(),
            name: self.object_name(ask.key.bytes(), ask.slice_key)?,
            decoder: Arc::clone(&self.decoder),
            counts_with: None,
            hold: ask.hold,
            deadline: ask.deadline,
        })
    }

    /// All that is known, each as it is when it comes to it.
    pub(super) fn entries(&self) -> impl Iterator<Item = (WarmKey, Entry<C::Value>)> {
        self.entries.iter()
    }

    /// What is known of an object, whether or not it counts.
    pub(super) fn known(&self, key: &WarmKey) -> Option<Entry<C::Value>> {
        self.entries.peek(key)
    }

    /// What is known of an object, if it counts for a request that began at `asked_at`.
    pub(super) fn fresh(&self, want: &Want<C::Value>, asked_at: Timestamp) -> Option<Entry<C::Value>> {
        let entry = self.entries.get(&want.key)?;
        let now = self.parts.clock.now();
        let is_alive = entry.value.is_some() || now.since(entry.checked.at) < self.parts.settings.missing_life;
        let counts =
            want.hold.accepts_since(entry.checked, asked_at) || (is_alive && want.hold.accepts(entry.checked, || now));
        counts.then_some(entry)
    }

    /// Keeps what is known of an object from now on. An entry larger than its part of the budget is not kept.
    pub(super) fn keep(&self, key: &WarmKey, entry: &Entry<C::Value>) {
        self.entries.insert(key.clone(), entry.clone());
    }

    /// Forgets what is known of an object: it may have changed.
    pub(super) fn doubt(&self, key: &WarmKey, name: &ObjectName) {
        self.entries.remove(key);
        if let Some(disk) = &self.parts.disk {
            disk.doubt(name);
        }
    }
}

impl<V> Want<V> {
    /// What is known of the object once it was found to be this.
    pub(super) fn found(
        &self,
        etag: ETag,
        answered: Answered,
        value: Option<Decoded<V>>,
        checked: Checked,
        heat: u32,
    ) -> Entry<V> {
        let (kept, value_size): (Option<Kept<V>>, usize) = match value {
            Some(Decoded { kept, size }) => (Some(kept), size),
            None => (None, 0),
        };
        Entry {
            value: kept,
            object: Some(Arc::new(Facts {
                etag,
                answered,
                value_size,
                counts_with: self.counts_with.clone(),
                heat: AtomicU32::new(heat),
            })),
            checked,
        }
    }
}

/// The slice key with which an entry comes and goes.
fn slice_key_of<V>(key: &WarmKey, entry: &Entry<V>, mode: KeyMode) -> SliceKey {
    let counts_with = entry.object.as_ref().and_then(|facts| facts.counts_with.clone());
    counts_with.unwrap_or_else(|| key.as_hashed().slice_key(mode))
}
