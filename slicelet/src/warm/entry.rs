//! Entries of the warm store: what is known of an object.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use emberkeep_core::keyspace::SliceKey;
use emberkeep_core::slicelet::Answered;
use emberkeep_store::ETag;
use quick_cache::Weighter;

use super::freshness::VersionCheck;
use super::key::WarmKey;

/// What is known of one object.
#[derive(Debug)]
pub(super) struct WarmEntry<V> {
    /// `None` where there is no value.
    pub(super) value: Option<CachedValue<V>>,
    /// `None` where there is no object.
    pub(super) object: Option<Arc<ObjectMetadata>>,
    pub(super) checked: VersionCheck,
}

/// A value in memory.
#[derive(Debug)]
pub(super) enum CachedValue<V> {
    /// Of a key, by the target's codec.
    OfKey(Arc<V>),
    /// Of a path, by whatever codec it was asked for with.
    OfPath(Arc<dyn Any + Send + Sync>),
}

/// What is seldom asked of an object, apart from its entry, so that entries are small and quick to copy.
#[derive(Debug)]
pub(super) struct ObjectMetadata {
    pub(super) etag: ETag,
    pub(super) answered: Answered,
    /// How much memory the value takes, in bytes.
    pub(super) value_size: usize,
    /// Where an object asked for by its path counts: with the key that it was asked for under.
    pub(super) retained_with: Option<SliceKey>,
    /// How often it was asked for, halved now and then.
    pub(super) heat: AtomicU32,
}

impl<V> Clone for CachedValue<V> {
    #[inline]
    fn clone(&self) -> Self {
        match self {
            Self::OfKey(value) => Self::OfKey(Arc::clone(value)),
            Self::OfPath(value) => Self::OfPath(Arc::clone(value)),
        }
    }
}

impl<V> Clone for WarmEntry<V> {
    #[inline]
    fn clone(&self) -> Self {
        Self {
            value: self.value.clone(),
            object: self.object.clone(),
            checked: self.checked,
        }
    }
}

impl<V> WarmEntry<V> {
    /// Nothing is there.
    pub(super) const fn missing(checked: VersionCheck) -> Self {
        Self {
            value: None,
            object: None,
            checked,
        }
    }

    /// The value of a key.
    #[inline]
    pub(super) fn of_key(&self) -> Option<&Arc<V>> {
        match &self.value {
            Some(CachedValue::OfKey(value)) => Some(value),
            Some(CachedValue::OfPath(_)) | None => None,
        }
    }

    /// The value of a path, if it is of that type.
    pub(super) fn of_path<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        match &self.value {
            Some(CachedValue::OfPath(value)) => Arc::clone(value).downcast().ok(),
            Some(CachedValue::OfKey(_)) | None => None,
        }
    }

    /// The version that is known.
    pub(super) fn etag(&self) -> Option<&ETag> {
        self.object.as_ref().map(|metadata| &metadata.etag)
    }

    /// What was asked before, and answered.
    pub(super) fn answered(&self) -> Answered {
        self.object
            .as_ref()
            .map_or_else(Answered::default, |metadata| metadata.answered.clone())
    }

    /// Counts a use of the value.
    #[inline]
    pub(super) fn record_use(&self) {
        if let Some(metadata) = &self.object {
            metadata.heat.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Makes the value as hot as that, if it is not hotter.
    pub(super) fn raise_heat(&self, heat: u32) {
        if let Some(metadata) = &self.object {
            metadata.heat.fetch_max(heat, Ordering::Relaxed);
        }
    }

    /// How often it was used of late.
    pub(super) fn heat(&self) -> u32 {
        self.object
            .as_ref()
            .map_or(0, |metadata| metadata.heat.load(Ordering::Relaxed))
    }

    /// Halves the heat. What is counted meanwhile may get lost: heat is an estimate.
    pub(super) fn halve_heat(&self) {
        if let Some(metadata) = &self.object {
            metadata.heat.store(self.heat() / 2, Ordering::Relaxed);
        }
    }
}

/// What an entry takes in memory beside its key and value: its place in the cache, the table's slot and the links of its
/// queue.
const ENTRY_SIZE: usize = size_of::<WarmKey>() + size_of::<WarmEntry<()>>() + 48;
/// What its facts take, with the reference counts of facts and value and the ETag's own.
const METADATA_SIZE: usize = size_of::<ObjectMetadata>() + 3 * 16;

/// Weighs entries in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct ByteWeighter;

impl<V> Weighter<WarmKey, WarmEntry<V>> for ByteWeighter {
    fn weight(&self, key: &WarmKey, entry: &WarmEntry<V>) -> u64 {
        let of_object = entry.object.as_ref().map_or(0, |metadata| {
            METADATA_SIZE + metadata.etag.as_str().len() + metadata.answered.size() + metadata.value_size
        });
        (ENTRY_SIZE + key.size_elsewhere() + of_object) as u64
    }
}
