//! The pull of a slice: receives the values that the source has, and reads the rest from object storage.
//!
//! ```text
//!              +--complete---------------------------+
//! begin --> Streaming                                +--> load_missing --> report_complete
//!            |  ^  +--source unreachable or refusing-+
//!            v  |
//!           Backoff: the stream ended early, or the source is busy
//! ```

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use emberkeep_core::assignment::Generation;
use emberkeep_core::keyspace::{Slice, SliceKey};
use emberkeep_core::pod::PodAddress;
use emberkeep_core::slicelet::Share;
use emberkeep_core::target::KeyMode;
use emberkeep_core::time::Timestamp;
use emberkeep_core::warmth::Warmth;
use emberkeep_proto::convert::{InvalidMessage, MANIFEST_COUNT_MAX, TransferStart, Transferred, WarmValue};
use emberkeep_runtime::backoff::Backoff;
use emberkeep_runtime::trace_context::ALWAYS_RECORDED;
use emberkeep_store::ETag;
use futures::{StreamExt, stream};
use tracing::field::{Empty, debug};
use tracing::{Instrument, debug_span};

use super::manifest::Manifest;
use super::source_stream::{RetryClass, SourceStream, TransferError};
use crate::codec::Codec;
use crate::metrics::PullEnd;
use crate::published_state::PublishedState;
use crate::warm::{
    HashedKey, Inventory, LoadRequest, OwnershipFence, SizesByHeat, TransferredValue, VersionCheck, WarmStore,
    fingerprint,
};

/// The most streams that one pull opens before it reads the rest from object storage.
const STREAM_COUNT_MAX: u32 = 8;
/// After this many broken streams in a row without a message, the source is treated as unreachable.
const EMPTY_STREAM_COUNT_MAX: u32 = 3;
const BACKOFF_MIN: Duration = Duration::from_millis(50);
const BACKOFF_MAX: Duration = Duration::from_secs(2);
/// The most concurrent reads from object storage, including reads that wait for admission.
const READ_COUNT_MAX: usize = 32;
/// The longest wait of a read for admission. After it the value is skipped; the first client request loads it.
const READ_WAIT_LIMIT: Duration = Duration::from_secs(10);

/// The pull of one slice.
pub(super) struct SlicePull<'a, C: Codec, R> {
    warm: &'a WarmStore<C>,
    published: &'a PublishedState,
    slice: &'a Slice,
    address: &'a PodAddress,
    report: R,
    key_mode: KeyMode,
    /// The cap for the generations of the sender's checks: the last one before this pod's own ownership. See
    /// [`VersionCheck::by_peer`].
    ceiling: Generation,
    /// Fingerprints of the versions that the source must not send, because they are warm here.
    held: HashSet<u64>,
    /// Sizes of the values that are warm in this pod.
    present: SizesByHeat,
    /// The newest complete manifest.
    manifest: Option<Manifest>,
    /// The number of its entries, hottest first, that fit in memory and so should be warm after the pull.
    wanted_count: usize,
    /// Messages received on the newest stream.
    message_count: u64,
    /// The warmth last reported; `None` before the first report.
    reported: Option<Warmth>,
}

/// Whether to receive further values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    Continue,
    /// Further values are too cold to fit in memory, or this pod no longer has a share in the slice.
    Stop,
}

impl<'a, C: Codec, R: FnMut(Warmth) + Send> SlicePull<'a, C, R> {
    /// Takes the inventory of the warm store, for a pull of `slice` from the pod at `address`.
    pub(super) async fn begin(
        warm: &'a Arc<WarmStore<C>>,
        published: &'a PublishedState,
        slice: &'a Slice,
        address: &'a PodAddress,
        report: R,
    ) -> Self {
        let snapshot = published.snapshot.load_full();
        let key_mode = snapshot.key_mode;
        let inventory = inventory(Arc::clone(warm), slice.clone(), key_mode).await;
        let (_, share) = snapshot.ownership.share_of(slice.start());
        let answering = share.filter(|share| Share::may_answer(share));
        Self {
            warm,
            published,
            slice,
            address,
            report,
            key_mode,
            ceiling: answering.map_or(snapshot.ownership.generation(), |share| before(share.held_since)),
            held: inventory.held,
            present: inventory.sizes,
            manifest: None,
            wanted_count: 0,
            message_count: 0,
            reported: None,
        }
    }

    /// Receives the values that the source has warm, and reads the rest from object storage.
    pub(super) async fn run(&mut self) -> PullEnd {
        let span = debug_span!(
            target: ALWAYS_RECORDED,
            "emberkeep.pull",
            target = %self.warm.parts.target,
            slice = %self.slice,
            source = self.address.as_str(),
            end = Empty,
        );
        let stream_count = self.receive_streams().instrument(span.clone()).await;
        // Outside of the span: each of thousands of reads would have a span below it.
        self.load_missing().await;
        let end = match (&self.manifest, stream_count) {
            (None, _) => PullEnd::Nothing,
            (Some(_), None) => PullEnd::FromStore,
            (Some(_), Some(1)) => PullEnd::Complete,
            (Some(_), Some(_)) => PullEnd::Resumed,
        };
        span.record("end", debug(end));
        end
    }

    /// Receives the source's values, over several streams if they break. Returns the number of streams, or `None` if the last
    /// one was incomplete.
    async fn receive_streams(&mut self) -> Option<u32> {
        let mut backoff = Backoff::new(BACKOFF_MIN, BACKOFF_MAX);
        let mut empty_stream_count = 0;
        for stream_count in 1..=STREAM_COUNT_MAX {
            let Err(error) = self.receive_stream().await else {
                return Some(stream_count);
            };
            tracing::warn!(
                target = %self.warm.parts.target,
                slice = %self.slice,
                source = self.address.as_str(),
                reason = %error,
                "a stream of warm values ended early"
            );
            if self.message_count > 0 {
                empty_stream_count = 0;
                backoff.reset();
            }
            match error.retry_class() {
                // ## Streaming -> load_missing: another stream would end the same way
                RetryClass::Final => return None,
                // ## Streaming -> Backoff: the source is alive
                RetryClass::Busy => {}
                RetryClass::Broken if self.message_count > 0 => {}
                // ## Streaming -> Backoff, or load_missing the third time in a row: the source may be unreachable
                RetryClass::Broken => empty_stream_count += 1,
            }
            if empty_stream_count == EMPTY_STREAM_COUNT_MAX {
                return None;
            }
            tokio::time::sleep(backoff.next_delay()).await;
        }
        None
    }

    /// Receives one stream to its end.
    async fn receive_stream(&mut self) -> Result<(), TransferError> {
        self.message_count = 0;
        let start = TransferStart {
            target: self.warm.parts.target.clone(),
            slice: self.slice.clone(),
            held: self.held.iter().copied().take(MANIFEST_COUNT_MAX).collect(),
        };
        let requested_at = self.warm.parts.clock.now();
        let mut source = SourceStream::open(self.address, &start).await?;
        let mut manifest = self.receive_manifest(&mut source).await?;
        self.wanted_count = manifest.wanted_count(&self.present, self.warm.memory_budget());
        self.report_warmth(&manifest);
        let outcome = self.receive_values(&mut source, &mut manifest, requested_at).await;
        self.manifest = Some(manifest);
        outcome
    }

    async fn receive_manifest(&mut self, source: &mut SourceStream) -> Result<Manifest, TransferError> {
        let mut manifest = Manifest::default();
        loop {
            match source.next().await?.ok_or(TransferError::Short)? {
                Transferred::Manifest(page) => {
                    self.message_count += 1;
                    let is_last = page.is_last;
                    manifest.add(page, self.slice, self.key_mode, &self.held)?;
                    if is_last {
                        return Ok(manifest);
                    }
                }
                Transferred::Values(_) => {
                    let reason = "they precede the last page of the manifest";
                    return Err(InvalidMessage::new("values", reason).into());
                }
            }
        }
    }

    async fn receive_values(
        &mut self,
        source: &mut SourceStream,
        manifest: &mut Manifest,
        requested_at: Timestamp,
    ) -> Result<(), TransferError> {
        while let Some(message) = source.next().await? {
            let values = match message {
                Transferred::Values(values) => values,
                Transferred::Manifest(_) => {
                    return Err(InvalidMessage::new("manifest", "a page follows the last one").into());
                }
            };
            self.message_count += 1;
            for value in values {
                match self.accept(value, manifest, requested_at).await? {
                    Flow::Continue => {}
                    Flow::Stop => return Ok(()),
                }
            }
            self.report_warmth(manifest);
        }
        Ok(())
    }

    async fn accept(
        &mut self,
        value: WarmValue,
        manifest: &mut Manifest,
        requested_at: Timestamp,
    ) -> Result<Flow, TransferError> {
        let at = manifest.advance_to(&value.key)?;
        let key = HashedKey::try_new(&value.key).map_err(|error| InvalidMessage::new("values.key", error))?;
        let slice_key = key.slice_key(self.key_mode);
        let Some(fence) = self.fence(&slice_key).filter(|_| at < self.wanted_count) else {
            return Ok(Flow::Stop);
        };
        self.warm.parts.metrics.transfer.received.record(value.object.len());
        let etag = ETag::new(value.etag);
        let version = fingerprint(&key, &etag);
        let transferred = TransferredValue {
            etag,
            object: value.object.into(),
            checked: VersionCheck::by_peer(value.checked_by, value.checked_before, requested_at, self.ceiling),
            heat: manifest.entry(at).heat,
        };
        let load_request = LoadRequest {
            key,
            slice_key: &slice_key,
            fence,
            deadline: Timestamp::NEVER,
        };
        match self.warm.insert_transferred(load_request, transferred).await {
            Ok(()) => {
                let entry = manifest.entry(at);
                self.present.add(entry.heat, entry.size);
                self.held.insert(version);
                manifest.mark_held(at);
            }
            Err(error) => tracing::debug!(%error, "a transferred value was not stored"),
        }
        Ok(Flow::Continue)
    }

    /// Reads the wanted values that are not present from object storage.
    async fn load_missing(&mut self) {
        let Some(mut manifest) = self.manifest.take() else {
            return;
        };
        let reads: Vec<_> = manifest
            .missing(self.wanted_count)
            .into_iter()
            .map(|at| (at, manifest.entry(at).key.clone(), manifest.entry(at).heat))
            .collect();
        let (warm, published, key_mode) = (self.warm, self.published, self.key_mode);
        let reads = reads.into_iter().map(|(at, key, heat)| async move {
            let is_read = read(warm, published, key_mode, &key, heat).await;
            is_read.then_some(at)
        });
        let mut reads = stream::iter(reads).buffered(READ_COUNT_MAX);
        while let Some(read) = reads.next().await {
            if let Some(at) = read {
                manifest.mark_held(at);
                self.report_warmth(&manifest);
            }
        }
        self.manifest = Some(manifest);
    }

    /// The fence for the key; `None` if this pod no longer has a share in it.
    fn fence(&self, slice_key: &SliceKey) -> Option<OwnershipFence> {
        fence(self.warm, self.published, slice_key)
    }

    fn report_warmth(&mut self, manifest: &Manifest) {
        let warmth = manifest.warmth(false);
        let share = |warmth: &Warmth| warmth.heat_share_thousandths;
        if self.reported.as_ref().map(share) != Some(share(&warmth)) {
            self.reported = Some(warmth);
            (self.report)(warmth);
        }
    }

    pub(super) fn report_complete(&mut self) {
        let warmth = self.manifest.as_ref().map(|manifest| manifest.warmth(true));
        (self.report)(warmth.unwrap_or(Warmth {
            is_complete: true,
            ..Warmth::default()
        }));
    }
}

/// The inventory of the warm store, taken on the blocking pool; empty if that fails.
async fn inventory<C: Codec>(warm: Arc<WarmStore<C>>, slice: Slice, key_mode: KeyMode) -> Inventory {
    let inventory = tokio::task::spawn_blocking(move || warm.inventory(&slice, key_mode));
    inventory.await.unwrap_or_else(|error| {
        tracing::error!(%error, "the inventory of warm values failed, so values present may be sent again");
        Inventory::default()
    })
}

/// Prefetches a value; returns whether it is warm or being loaded.
async fn read<C: Codec>(
    warm: &WarmStore<C>,
    published: &PublishedState,
    key_mode: KeyMode,
    key: &[u8],
    heat: u32,
) -> bool {
    let Ok(key) = HashedKey::try_new(key) else { return false };
    let slice_key = key.slice_key(key_mode);
    let Some(fence) = fence(warm, published, &slice_key) else {
        return false;
    };
    let load_request = LoadRequest {
        key,
        slice_key: &slice_key,
        fence,
        deadline: warm.parts.clock.now() + READ_WAIT_LIMIT,
    };
    let is_read = warm.prefetch(load_request).await.is_ok();
    warm.raise_heat(&key, heat);
    is_read
}

fn fence<C: Codec>(warm: &WarmStore<C>, published: &PublishedState, slice_key: &SliceKey) -> Option<OwnershipFence> {
    let snapshot = published.snapshot.load();
    let (range, share) = snapshot.ownership.share_of(slice_key);
    share.map(|share| snapshot.fence(range, share, warm.parts.settings.freshness))
}

fn before(generation: Generation) -> Generation {
    Generation::from_number(generation.number() - 1).unwrap_or(Generation::NONE)
}
