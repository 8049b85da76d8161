//! Sending: the messages to one receiver, created one at a time.

use std::collections::HashSet;
use std::sync::Arc;

use emberkeep_core::target::KeyMode;
use emberkeep_core::time::Timestamp;
use emberkeep_proto::convert::{
    BATCH_COUNT_MAX, BATCH_SIZE_MAX, MANIFEST_COUNT_MAX, ManifestEntry, ManifestPage, PAGE_COUNT_MAX,
    SENT_OBJECT_SIZE_MAX, TransferStart, Transferred, WarmValue,
};

use crate::codec::Codec;
use crate::warm::{EncodedValue, Offer, WarmStore};

/// A batch is sent once its objects have this many bytes: enough to amortize a message, few enough to be processed at once.
const BATCH_SIZE: usize = 256 << 10;

/// The transfer of one slice to another pod: the manifest in pages, then the values in its order. Each value is encoded when
/// the connection has room for it, in its version at that time; versions held by the receiver are skipped.
pub(super) struct Sending<C: Codec> {
    warm: Arc<WarmStore<C>>,
    key_mode: KeyMode,
    start: TransferStart,
    held: HashSet<u64>,
    requested_at: Timestamp,
    /// `None` before the first message.
    offers: Option<Vec<Offer>>,
    /// Number of offers sent in pages; `None` after the last page.
    listed: Option<usize>,
    /// Number of offers sent as values or skipped.
    passed: usize,
    /// A value that did not fit into the last batch.
    left_over: Option<WarmValue>,
}

impl<C: Codec> Sending<C> {
    pub(super) fn new(warm: Arc<WarmStore<C>>, key_mode: KeyMode, mut start: TransferStart) -> Self {
        let held = std::mem::take(&mut start.held).into_iter().collect();
        Self {
            requested_at: warm.parts.clock.now(),
            warm,
            key_mode,
            start,
            held,
            offers: None,
            listed: Some(0),
            passed: 0,
            left_over: None,
        }
    }

    /// The next message; `None` after the last one. Blocking: encodes values, and the first call iterates over the whole warm
    /// store.
    pub(super) fn next(&mut self) -> Option<Transferred> {
        let (warm, slice, key_mode) = (&self.warm, &self.start.slice, self.key_mode);
        self.offers
            .get_or_insert_with(|| warm.offers(slice, key_mode, MANIFEST_COUNT_MAX));
        match self.page() {
            Some(page) => Some(Transferred::Manifest(page)),
            None => self.batch().map(Transferred::Values),
        }
    }

    fn page(&mut self) -> Option<ManifestPage> {
        let (offers, listed) = (self.offers.as_deref().unwrap_or_default(), self.listed?);
        let end = offers.len().min(listed + PAGE_COUNT_MAX);
        let is_last = end == offers.len();
        let entries = offers[listed..end].iter().map(entry_of).collect();
        self.listed = Some(end).filter(|_| !is_last);
        Some(ManifestPage { entries, is_last })
    }

    fn batch(&mut self) -> Option<Vec<WarmValue>> {
        let (mut batch, mut size) = (Vec::new(), 0);
        while size < BATCH_SIZE && batch.len() < BATCH_COUNT_MAX {
            let Some(value) = self.next_value() else { break };
            if !batch.is_empty() && size + value.object.len() > BATCH_SIZE_MAX {
                self.left_over = Some(value);
                break;
            }
            size += value.object.len();
            self.warm.parts.metrics.transfer.sent.record(value.object.len());
            batch.push(value);
        }
        Some(batch).filter(|batch| !batch.is_empty())
    }

    fn next_value(&mut self) -> Option<WarmValue> {
        if let Some(value) = self.left_over.take() {
            return Some(value);
        }
        loop {
            let offer = self.offers.as_ref()?.get(self.passed)?.clone();
            self.passed += 1;
            let is_wanted = |fingerprint| !self.held.contains(&fingerprint);
            match self.warm.encoded(&offer.key, SENT_OBJECT_SIZE_MAX, is_wanted) {
                Ok(Some(encoded)) => return Some(self.value_of(&offer, encoded)),
                Ok(None) => {}
                Err(reason) => tracing::debug!(%reason, "a value is not sent because it cannot be encoded"),
            }
        }
    }

    fn value_of(&self, offer: &Offer, encoded: EncodedValue) -> WarmValue {
        let (checked_by, checked_before) = encoded.checked.relative_to(self.requested_at);
        WarmValue {
            key: offer.key.bytes().to_vec(),
            etag: encoded.etag.as_str().to_owned(),
            object: encoded.object.into(),
            checked_by,
            checked_before,
        }
    }
}

fn entry_of(offer: &Offer) -> ManifestEntry {
    ManifestEntry {
        key: offer.key.bytes().to_vec(),
        heat: offer.heat,
        fingerprint: offer.fingerprint,
        size: offer.size,
    }
}
