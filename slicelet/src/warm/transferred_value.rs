//! Values transferred from another pod into the warm store.

use std::collections::HashSet;

use bytes::Bytes;
use emberkeep_core::keyspace::Slice;
use emberkeep_core::target::KeyMode;
use emberkeep_store::ETag;
use quick_cache::Weighter;

use super::GetError;
use super::disk::DiskObject;
use super::entry::ByteWeighter;
use super::freshness::VersionCheck;
use super::hashed_key::HashedKey;
use super::offer::Offer;
use super::sizes_by_heat::SizesByHeat;
use super::store::{LoadRequest, WarmStore};
use crate::codec::Codec;

/// A warm value sent by another pod.
#[derive(Debug)]
pub(crate) struct TransferredValue {
    pub(crate) etag: ETag,
    pub(crate) object: Bytes,
    /// The sender's last check of it, in terms of this pod's clock.
    pub(crate) checked: VersionCheck,
    pub(crate) heat: u32,
}

/// The contents of this pod's warm store before it pulls a slice.
#[derive(Debug, Default)]
pub(crate) struct Inventory {
    /// Fingerprints of the warm values of the slice.
    pub(crate) held: HashSet<u64>,
    /// Sizes of all warm values, of any slice.
    pub(crate) sizes: SizesByHeat,
}

impl<C: Codec> WarmStore<C> {
    /// The inventory for a pull of `slice`. Iterates over all entries.
    pub(crate) fn inventory(&self, slice: &Slice, mode: KeyMode) -> Inventory {
        let mut inventory = Inventory::default();
        for (key, entry) in self.entries() {
            inventory.sizes.add(entry.heat(), ByteWeighter.weight(&key, &entry));
            let is_in_slice = slice.contains(&key.as_hashed().slice_key(mode));
            if let Some(offer) = Offer::of(&key, &entry).filter(|_| is_in_slice) {
                inventory.held.insert(offer.fingerprint);
            }
        }
        inventory
    }

    /// Bound of all entries, in bytes.
    pub(crate) const fn memory_budget(&self) -> u64 {
        self.parts.settings.memory_budget.as_bytes()
    }

    /// Stores a transferred value, unless this pod's entry was checked more recently or the key is locked, which means that a
    /// request is loading or writing a newer version.
    pub(crate) async fn insert_transferred(
        &self,
        load_request: LoadRequest<'_>,
        transferred: TransferredValue,
    ) -> Result<(), GetError> {
        let request = self.object_request(&load_request)?;
        let Some(_lock) = self.locks.try_lock(&request.key) else {
            return Ok(());
        };
        let TransferredValue {
            etag,
            object,
            checked,
            heat,
        } = transferred;
        let known = self.entry(&request.key);
        if known.is_none_or(|known| known.checked.is_older_than(checked)) {
            if let Some(disk) = &self.parts.disk {
                disk.put(&request.name, &etag, object.clone(), checked);
            }
            self.decode_and_insert(&request, DiskObject { etag, bytes: object }, checked)
                .await?;
        }
        self.raise_heat(&load_request.key, heat);
        Ok(())
    }

    /// Raises the heat of a value to its heat at another pod, if that is higher.
    pub(crate) fn raise_heat(&self, key: &HashedKey<'_>, heat: u32) {
        if let Some(entry) = self.entry(&key.to_warm()) {
            entry.raise_heat(heat);
        }
    }
}
