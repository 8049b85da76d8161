//! Pulling: a slice's values come from the pod that had it, and what that cannot send from object storage.

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
use emberkeep_store::ETag;
use futures::{StreamExt, stream};

use super::manifest::Manifest;
use super::source_stream::{RetryClass, SourceStream, TransferError};
use crate::codec::Codec;
use crate::metrics::{InProgress, PullEnd};
use crate::published_state::PublishedState;
use crate::warm::{
    HashedKey, LoadRequest, OwnershipFence, SizesByHeat, TransferredValue, VersionCheck, WarmStore, fingerprint,
};

/// Pulls slices from other pods.
pub(crate) struct Puller<C: Codec> {
    warm: Arc<WarmStore<C>>,
    published: Arc<PublishedState>,
}

/// How often a source is asked.
const STREAM_COUNT_MAX: u32 = 8;
/// One that breaks off so often, one time after the other, and sends nothing, is gone.
const FRUITLESS_COUNT_MAX: u32 = 3;
const BACKOFF_MIN: Duration = Duration::from_millis(50);
const BACKOFF_MAX: Duration = Duration::from_secs(2);
/// How many values are wanted from object storage at a time. How many are read says the admission.
const READ_COUNT_MAX: usize = 32;
/// How long a value waits for its turn at object storage; after that, whoever asks for it reads it.
const READ_PATIENCE: Duration = Duration::from_secs(10);

/// One slice that is being pulled.
struct SlicePull<'a, C: Codec, R> {
    warm: &'a WarmStore<C>,
    published: &'a PublishedState,
    slice: &'a Slice,
    address: &'a PodAddress,
    report: R,
    key_mode: KeyMode,
    /// The last generation before the pod itself answers for the slice.
    ceiling: Generation,
    /// The versions that are not wanted any more.
    held: HashSet<u64>,
    /// What was warm before.
    present: SizesByHeat,
    /// What the source said last that it has.
    manifest: Option<Manifest>,
    /// How much of it is to be here, from the hottest on.
    wanted_count: usize,
    /// How many messages the newest stream has brought.
    message_count: u64,
    reported: Option<Warmth>,
}

/// Whether the source is to send on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    Continue,
    /// What comes now is colder than all that memory has room for, or the slice is not this pod's any more.
    Stop,
}

impl<C: Codec> Puller<C> {
    pub(crate) const fn new(warm: Arc<WarmStore<C>>, published: Arc<PublishedState>) -> Self {
        Self { warm, published }
    }

    /// Pulls the values of `slice` from the pod at `source`, and reads from object storage what that cannot send, hottest
    /// first. Tells `report` how warm the slice is each time it has become warmer by a thousandth, and at the end, once,
    /// that it is complete. Never fails: what cannot be had is read when it is asked for. To end it, drop it.
    pub(crate) async fn pull(&self, slice: &Slice, source: &PodAddress, report: impl FnMut(Warmth) + Send) {
        let metrics = &self.warm.parts.metrics.transfer;
        let _running = InProgress::start(&metrics.receiving);
        let mut pulling = self.begin(slice, source, report).await;
        let stream_count = pulling.receive_streams().await;
        pulling.read_rest().await;
        let end = match (&pulling.manifest, stream_count) {
            (None, _) => PullEnd::Nothing,
            (Some(_), None) => PullEnd::FromStore,
            (Some(_), Some(1)) => PullEnd::Complete,
            (Some(_), Some(_)) => PullEnd::Resumed,
        };
        metrics.record_pull(end);
        tracing::info!(target = %self.warm.parts.target, %slice, source = source.as_str(), ?end, "pulled");
        pulling.report_complete();
    }

    async fn begin<'a, R: FnMut(Warmth) + Send>(
        &'a self,
        slice: &'a Slice,
        address: &'a PodAddress,
        report: R,
    ) -> SlicePull<'a, C, R> {
        let (warm, looked_in) = (Arc::clone(&self.warm), slice.clone());
        let holding = self.published.holding.load_full();
        let key_mode = holding.key_mode;
        let looking = tokio::task::spawn_blocking(move || warm.inventory(&looked_in, key_mode));
        let (held, present) = match looking.await {
            Ok(inventory) => (inventory.held, inventory.sizes),
            Err(error) => {
                tracing::error!(%error, "what is warm was not looked at, so some of it may come again");
                (HashSet::new(), SizesByHeat::none())
            }
        };
        let (_, share) = holding.ownership.share_of(slice.start());
        let answering = share.filter(|share| Share::may_answer(share));
        SlicePull {
            warm: &self.warm,
            published: &self.published,
            slice,
            address,
            report,
            key_mode,
            ceiling: answering.map_or(holding.ownership.generation(), |share| before(share.held_since)),
            held,
            present,
            manifest: None,
            wanted_count: 0,
            message_count: 0,
            reported: None,
        }
    }
}

impl<C: Codec, R: FnMut(Warmth) + Send> SlicePull<'_, C, R> {
    /// Takes what the source sends, over as many streams as it needs. Answers how many that were, if all has come.
    async fn receive_streams(&mut self) -> Option<u32> {
        let mut backoff = Backoff::new(BACKOFF_MIN, BACKOFF_MAX);
        let mut fruitless_count = 0;
        for stream_count in 1..=STREAM_COUNT_MAX {
            let Err(error) = self.stream().await else {
                return Some(stream_count);
            };
            tracing::warn!(
                target = %self.warm.parts.target,
                slice = %self.slice,
                source = self.address.as_str(),
                reason = %error,
                "a stream of warm values broke off"
            );
            if self.message_count > 0 {
                fruitless_count = 0;
                backoff.reset();
            }
            match error.retry_class() {
                RetryClass::Final => return None,
                RetryClass::Busy => {}
                RetryClass::Broken if self.message_count > 0 => {}
                RetryClass::Broken => fruitless_count += 1,
            }
            if fruitless_count == FRUITLESS_COUNT_MAX {
                return None;
            }
            tokio::time::sleep(backoff.next_delay()).await;
        }
        None
    }

    /// Takes one stream, to its end.
    async fn stream(&mut self) -> Result<(), TransferError> {
        self.message_count = 0;
        let start = TransferStart {
            target: self.warm.parts.target.clone(),
            slice: self.slice.clone(),
            held: self.held.iter().copied().take(MANIFEST_COUNT_MAX).collect(),
        };
        let requested_at = self.warm.parts.clock.now();
        let mut source = SourceStream::open(self.address, &start).await?;
        let mut manifest = self.whole_manifest(&mut source).await?;
        self.wanted_count = manifest.wanted_count(&self.present, self.warm.memory_budget());
        self.report_warmth(&manifest);
        let outcome = self.values(&mut source, &mut manifest, requested_at).await;
        self.manifest = Some(manifest);
        outcome
    }

    async fn whole_manifest(&mut self, source: &mut SourceStream) -> Result<Manifest, TransferError> {
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
                    let reason = "they come before the last page of the manifest";
                    return Err(InvalidMessage::new("values", reason).into());
                }
            }
        }
    }

    async fn values(
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
                match self.take(value, manifest, requested_at).await? {
                    Flow::Continue => {}
                    Flow::Stop => return Ok(()),
                }
            }
            self.report_warmth(manifest);
        }
        Ok(())
    }

    async fn take(
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
            Err(error) => tracing::debug!(%error, "a value that was sent is not taken over"),
        }
        Ok(Flow::Continue)
    }

    /// Reads from object storage what is to be here and has not come.
    async fn read_rest(&mut self) {
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

    /// By what right the pod asks for the key now; none if it has no share in it any more.
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

    fn report_complete(&mut self) {
        let warmth = self.manifest.as_ref().map(|manifest| manifest.warmth(true));
        (self.report)(warmth.unwrap_or(Warmth {
            is_complete: true,
            ..Warmth::default()
        }));
    }
}

/// Reads a value ahead of its use; answers whether there is nothing left to read.
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
        deadline: warm.parts.clock.now() + READ_PATIENCE,
    };
    let is_read = warm.prefetch(load_request).await.is_ok();
    warm.raise_heat(&key, heat);
    is_read
}

fn fence<C: Codec>(warm: &WarmStore<C>, published: &PublishedState, slice_key: &SliceKey) -> Option<OwnershipFence> {
    let holding = published.holding.load();
    let (range, share) = holding.ownership.share_of(slice_key);
    share.map(|share| holding.fence(range, share, warm.parts.settings.freshness))
}

fn before(generation: Generation) -> Generation {
    Generation::from_number(generation.number() - 1).unwrap_or(Generation::NONE)
}
