//! Offers: what this pod has warm, for another one to have it.

use bytes::Bytes;
use emberkeep_core::keyspace::Slice;
use emberkeep_core::target::KeyMode;
use emberkeep_store::ETag;
use quick_cache::Weighter;
use xxhash_rust::xxh64::xxh64;

use super::entry::{ByteWeighter, WarmEntry};
use super::freshness::VersionCheck;
use super::key::{HashedKey, WarmKey};
use super::store::WarmStore;
use super::stored_object::StoredObject;
use crate::codec::{Codec, CodecError};

/// A warm value of a key, by name.
#[derive(Debug, Clone)]
pub(crate) struct Offer {
    pub(crate) key: WarmKey,
    pub(crate) heat: u32,
    /// Of its version.
    pub(crate) fingerprint: u64,
    /// How much memory it takes, in bytes.
    pub(crate) size: u64,
}

/// A warm value as the store would hold it.
#[derive(Debug)]
pub(crate) struct EncodedValue {
    pub(crate) etag: ETag,
    pub(crate) object: Bytes,
    pub(crate) checked: VersionCheck,
}

/// Of key and version together, the same on all pods.
pub(crate) fn fingerprint(key: &HashedKey<'_>, etag: &ETag) -> u64 {
    xxh64(etag.as_str().as_bytes(), key.hash())
}

impl Offer {
    /// What is offered of an entry; nothing where it is no value of a key.
    pub(super) fn of<V>(key: &WarmKey, entry: &WarmEntry<V>) -> Option<Self> {
        entry.of_key()?;
        Some(Self {
            key: key.clone(),
            heat: entry.heat(),
            fingerprint: fingerprint(&key.as_hashed(), entry.etag()?),
            size: ByteWeighter.weight(key, entry),
        })
    }
}

impl<C: Codec> WarmStore<C> {
    /// The values of a slice, hottest first, and by key where equally hot, `count_max` at most. Takes a while where much is
    /// warm.
    pub(crate) fn offers(&self, slice: &Slice, mode: KeyMode, count_max: usize) -> Vec<Offer> {
        let is_in_slice = |key: &WarmKey| slice.contains(&key.as_hashed().slice_key(mode));
        let offers = self.entries().filter_map(|(key, entry)| Offer::of(&key, &entry));
        let mut offers: Vec<_> = offers.filter(|offer| is_in_slice(&offer.key)).collect();
        offers.sort_unstable_by(|a, b| b.heat.cmp(&a.heat).then_with(|| a.key.bytes().cmp(b.key.bytes())));
        offers.truncate(count_max);
        offers
    }

    /// The value of a key as the store would hold it: nothing where none is warm, it is wanted by nobody, or it has more
    /// bytes than that.
    pub(crate) fn encoded(
        &self,
        key: &WarmKey,
        size_max: usize,
        is_wanted: impl Fn(u64) -> bool,
    ) -> Result<Option<EncodedValue>, CodecError> {
        let Some(entry) = self.entry(key) else { return Ok(None) };
        let (Some(value), Some(metadata)) = (entry.of_key(), &entry.object) else {
            return Ok(None);
        };
        // A value that is large in memory is not even encoded.
        if metadata.value_size > size_max || !is_wanted(fingerprint(&key.as_hashed(), &metadata.etag)) {
            return Ok(None);
        }
        let stored = StoredObject {
            value: Some(self.codec.encode(value)?),
            answered: metadata.answered.clone(),
        };
        let object = stored.into_bytes();
        let encoded = EncodedValue {
            etag: metadata.etag.clone(),
            object,
            checked: entry.checked,
        };
        Ok(Some(encoded).filter(|encoded| encoded.object.len() <= size_max))
    }
}
