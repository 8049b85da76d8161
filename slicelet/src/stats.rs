//! What a slicelet has done so far.

use emberkeep_core::assignment::Generation;

use crate::byte_size::ByteSize;
use crate::codec::Codec;
use crate::metrics::Metrics;
use crate::published::Published;
use crate::warm::WarmStore;

/// Counts since the start, and how things are now.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Requests for keys that the pod owned.
    pub request_count: u64,
    /// Values that were warm when they were asked for.
    pub hit_count: u64,
    /// Answers that there is no object, known without a read.
    pub missing_hit_count: u64,
    /// Requests for keys that the pod did not own.
    pub misroute_count: u64,
    /// Reads of the store.
    pub store_read_count: u64,
    /// Bytes read from the store.
    pub store_read_size: ByteSize,
    /// The generation that the pod goes by.
    pub generation: Generation,
    /// Slices in which the pod has a share.
    pub owned_slice_count: usize,
    /// Keys with a warm value.
    pub warm_key_count: usize,
    /// Memory taken by warm values.
    pub warm_size: ByteSize,
}

impl Stats {
    pub(crate) fn of<C: Codec>(metrics: &Metrics, published: &Published, warm: &WarmStore<C>) -> Self {
        let holding = published.holding.load();
        Self {
            // What was counted since the last measurement is not in the metrics yet.
            request_count: metrics.requests.get() + holding.request_count(),
            hit_count: metrics.hits.get() + published.hit_count(),
            missing_hit_count: metrics.missing_hits.get(),
            misroute_count: metrics.misroutes.get(),
            store_read_count: metrics.store_reads.get(),
            store_read_size: ByteSize::bytes(metrics.store_read_bytes.get()),
            generation: holding.ownership.generation(),
            owned_slice_count: holding.ownership.owned().count(),
            warm_key_count: warm.key_count(),
            warm_size: ByteSize::bytes(warm.size()),
        }
    }
}
