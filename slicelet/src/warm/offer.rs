//! Offers: the warm values that this pod can send to the next owner of a slice.

use bytes::Bytes;
use emberkeep_core::keyspace::Slice;
use emberkeep_core::target::KeyMode;
use emberkeep_store::ETag;
use quick_cache::Weighter;
use xxhash_rust::xxh64::xxh64;

use super::entry::{ByteWeighter, WarmEntry};
use super::freshness::VersionCheck;
use super::hashed_key::{HashedKey, WarmKey};
use super::store::WarmStore;
use super::stored_object::StoredObject;
use crate::codec::{Codec, CodecError};

/// A warm value, by key and version.
#[derive(Debug, Clone)]
pub(crate) struct Offer {
    pub(crate) key: WarmKey,
    pub(crate) heat: u32,
    /// Identifies key and version; see [`fingerprint`].
    pub(crate) fingerprint: u64,
    /// Memory used, in bytes.
    pub(crate) size: u64,
}

/// A warm value encoded as its object in the store.
#[derive(Debug)]
pub(crate) struct EncodedValue {
    pub(crate) etag: ETag,
    pub(crate) object: Bytes,
    pub(crate) checked: VersionCheck,
}

/// A hash of key and version, equal on all pods.
pub(crate) fn fingerprint(key: &HashedKey<'_>, etag: &ETag) -> u64 {
    xxh64(etag.as_str().as_bytes(), key.hash())
}

impl Offer {
    /// The offer of an entry; `None` for negative entries and objects by path.
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
    /// The warm values of a slice, at most `count_max`, hottest first and by key among equally hot ones. Iterates over all
    /// entries.
    pub(crate) fn offers(&self, slice: &Slice, mode: KeyMode, count_max: usize) -> Vec<Offer> {
        let is_in_slice = |key: &WarmKey| slice.contains(&key.as_hashed().slice_key(mode));
        let offers = self.entries().filter_map(|(key, entry)| Offer::of(&key, &entry));
        let mut offers: Vec<_> = offers.filter(|offer| is_in_slice(&offer.key)).collect();
        offers.sort_unstable_by(|a, b| b.heat.cmp(&a.heat).then_with(|| a.key.bytes().cmp(b.key.bytes())));
        offers.truncate(count_max);
        offers
    }

    /// The value of a key encoded as its object; `None` if it is not warm, `is_wanted` rejects its fingerprint, or it exceeds
    /// `size_max` bytes.
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
        // The size in memory is checked first, which saves encoding a large value.
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
