//! The puller: pulls slices from other pods into the warm store.

use std::sync::Arc;

use emberkeep_core::keyspace::Slice;
use emberkeep_core::pod::PodAddress;
use emberkeep_core::warmth::Warmth;
use emberkeep_runtime::in_progress::InProgress;

use super::slice_pull::SlicePull;
use crate::codec::Codec;
use crate::published_state::PublishedState;
use crate::warm::WarmStore;

/// Pulls slices from other pods.
pub(crate) struct Puller<C: Codec> {
    warm: Arc<WarmStore<C>>,
    published: Arc<PublishedState>,
}

impl<C: Codec> Puller<C> {
    pub(crate) const fn new(warm: Arc<WarmStore<C>>, published: Arc<PublishedState>) -> Self {
        Self { warm, published }
    }

    /// Pulls the values of `slice` from the pod at `source`, then reads the unsent rest from object storage, hottest
    /// first. Calls `report` with the slice's warmth whenever its heat share has changed by a thousandth, and once at
    /// the end, with `is_complete` set. Never fails: values not pulled are loaded when requested. Dropping the future
    /// ends the pull.
    pub(crate) async fn pull(&self, slice: &Slice, source: &PodAddress, report: impl FnMut(Warmth) + Send) {
        let metrics = &self.warm.parts.metrics.transfer;
        let _in_progress = InProgress::start(&metrics.receiving);
        let _timer = metrics.time_pull();
        let mut pull = SlicePull::begin(&self.warm, &self.published, slice, source, report).await;
        let end = pull.run().await;
        metrics.record_pull(end);
        tracing::info!(target = %self.warm.parts.target, %slice, source = source.as_str(), ?end, "pulled");
        pull.report_complete();
    }
}
