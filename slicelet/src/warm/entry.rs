//! Entries of the warm store: the known state of one object, with its decoded value.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use emberkeep_core::keyspace::SliceKey;
use emberkeep_core::slicelet::Answered;
use emberkeep_store::ETag;
use quick_cache::Weighter;

use super::freshness::VersionCheck;
use super::hashed_key::WarmKey;

/// The known state of one object.
#[derive(Debug)]
pub(super) struct WarmEntry<V> {
    /// `None` if the object is missing or its value was removed.
    pub(super) value: Option<CachedValue<V>>,
    /// `None` if the object is missing.
    pub(super) object: Option<Arc<ObjectMetadata>>,
    pub(super) checked: VersionCheck,
}

/// A decoded value, with the codec it was decoded by.
#[derive(Debug)]
pub(super) enum CachedValue<V> {
    /// The value of a key, decoded by the target's codec.
    OfKey(Arc<V>),
    /// The value of a path, decoded by the codec of the first request.
    OfPath(Arc<dyn Any + Send + Sync>),
}

/// The rarely used properties of an object, apart from its entry, which keeps entries small and cheap to clone.
#[derive(Debug)]
pub(super) struct ObjectMetadata {
    pub(super) etag: ETag,
    pub(super) answered: Answered,
    /// Memory used by the value, in bytes.
    pub(super) value_size: usize,
    /// For an object by path: the slice key whose ownership retains it.
    pub(super) retained_with: Option<SliceKey>,
    /// Uses of the value, halved once a minute.
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
    /// A negative entry: the object is missing.
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

    /// The value of a path, if it has type `T`.
    pub(super) fn of_path<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        match &self.value {
            Some(CachedValue::OfPath(value)) => Arc::clone(value).downcast().ok(),
            Some(CachedValue::OfKey(_)) | None => None,
        }
    }

    /// The known version; `None` if the object is missing.
    pub(super) fn etag(&self) -> Option<&ETag> {
        self.object.as_ref().map(|metadata| &metadata.etag)
    }

    /// The answered requests stored with the value.
    pub(super) fn answered(&self) -> Answered {
        self.object
            .as_ref()
            .map_or_else(Answered::default, |metadata| metadata.answered.clone())
    }

    /// Adds one use to the heat.
    #[inline]
    pub(super) fn record_use(&self) {
        if let Some(metadata) = &self.object {
            metadata.heat.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Raises the heat to at least `heat`.
    pub(super) fn raise_heat(&self, heat: u32) {
        if let Some(metadata) = &self.object {
            metadata.heat.fetch_max(heat, Ordering::Relaxed);
        }
    }

    /// Recent uses of the value: a decayed count.
    pub(super) fn heat(&self) -> u32 {
        self.object
            .as_ref()
            .map_or(0, |metadata| metadata.heat.load(Ordering::Relaxed))
    }

    /// Halves the heat. Concurrent uses may be lost, which an estimate tolerates.
    pub(super) fn halve_heat(&self) {
        if let Some(metadata) = &self.object {
            metadata.heat.store(self.heat() / 2, Ordering::Relaxed);
        }
    }
}

/// Memory of an entry beside its key's heap memory and its object: the entry itself, the slot of the hash table, and the links
/// of the eviction queue.
const ENTRY_SIZE: usize = size_of::<WarmKey>() + size_of::<WarmEntry<()>>() + 48;
/// Memory of the metadata, with the reference counts of metadata, value and ETag.
const METADATA_SIZE: usize = size_of::<ObjectMetadata>() + 3 * 16;

/// Weighs entries in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct ByteWeighter;

impl<V> Weighter<WarmKey, WarmEntry<V>> for ByteWeighter {
    fn weight(&self, key: &WarmKey, entry: &WarmEntry<V>) -> u64 {
        let of_object = entry.object.as_ref().map_or(0, |metadata| {
            METADATA_SIZE + metadata.etag.as_str().len() + metadata.answered.size() + metadata.value_size
        });
        (ENTRY_SIZE + key.heap_size() + of_object) as u64
    }
}
