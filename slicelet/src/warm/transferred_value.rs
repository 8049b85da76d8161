//! Taking over: what another pod had warm becomes warm here.

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
use super::key::HashedKey;
use super::offer::Offer;
use super::sizes_by_heat::SizesByHeat;
use super::store::{LoadRequest, WarmStore};
use crate::codec::Codec;

/// A value that another pod had warm.
#[derive(Debug)]
pub(crate) struct TransferredValue {
    pub(crate) etag: ETag,
    pub(crate) object: Bytes,
    /// What is known of its freshness, by this pod's clock.
    pub(crate) checked: VersionCheck,
    pub(crate) heat: u32,
}

/// What this pod has before it takes a slice over.
#[derive(Debug)]
pub(crate) struct Inventory {
    /// The fingerprints of the values that it has of the slice.
    pub(crate) held: HashSet<u64>,
    /// All that is warm.
    pub(crate) sizes: SizesByHeat,
}

impl<C: Codec> WarmStore<C> {
    /// What is warm. Takes a while where much is.
    pub(crate) fn inventory(&self, slice: &Slice, mode: KeyMode) -> Inventory {
        let mut inventory = Inventory {
            held: HashSet::new(),
            sizes: SizesByHeat::none(),
        };
        for (key, entry) in self.entries() {
            inventory.sizes.add(entry.heat(), ByteWeighter.weight(&key, &entry));
            let is_in_slice = slice.contains(&key.as_hashed().slice_key(mode));
            if let Some(offer) = Offer::of(&key, &entry).filter(|_| is_in_slice) {
                inventory.held.insert(offer.fingerprint);
            }
        }
        inventory
    }

    /// How many bytes are kept in memory at most.
    pub(crate) const fn memory_budget(&self) -> u64 {
        self.parts.settings.memory_budget.as_bytes()
    }

    /// Keeps a value that another pod had, unless more recent news of it is here, or comes in this moment: then a request
    /// is loading or writing it.
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

    /// A value is as hot as it was at another pod, if it is not hotter.
    pub(crate) fn raise_heat(&self, key: &HashedKey<'_>, heat: u32) {
        if let Some(entry) = self.entry(&key.to_warm()) {
            entry.raise_heat(heat);
        }
    }
}
