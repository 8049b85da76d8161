//! What a slicelet has done so far.

use emberkeep_core::assignment::Generation;

use crate::byte_size::ByteSize;
use crate::codec::Codec;
use crate::metrics::{Metrics, ReadCause};
use crate::published_state::PublishedState;
use crate::warm::WarmStore;

/// Counts since the start, and how things are now.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Requests for keys that the pod owned.
    pub request_count: u64,
    /// Requests that did not wait for a value to be loaded.
    pub hit_count: u64,
    /// Answers that there is no object, known without a read.
    pub missing_hit_count: u64,
    /// Requests for keys that the pod did not own.
    pub misroute_count: u64,
    /// Values that were loaded from disk without asking the store.
    pub disk_hit_count: u64,
    /// Reads of the store.
    pub store_read_count: u64,
    /// Those of them that asked whether what was known still was so.
    pub revalidation_count: u64,
    /// Bytes read from the store.
    pub store_read_size: ByteSize,
    /// Values that were written.
    pub store_write_count: u64,
    /// Writes that had to be done again because another pod had written the same object.
    pub write_conflict_count: u64,
    /// Requests that had been answered before.
    pub deduplicated_request_count: u64,
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
    pub(crate) fn of<C: Codec>(metrics: &Metrics, published: &PublishedState, warm: &WarmStore<C>) -> Self {
        let holding = published.holding.load();
        // What was counted since the last measurement is not in the metrics yet.
        let request_count = metrics.requests.get() + holding.request_count();
        Self {
            request_count,
            hit_count: request_count.saturating_sub(metrics.loads.get()),
            missing_hit_count: metrics.missing_hits.get(),
            misroute_count: metrics.misroutes.get(),
            disk_hit_count: metrics.disk_hits.get(),
            store_read_count: metrics.store.read_count(),
            revalidation_count: metrics.store.reads_for(ReadCause::Revalidate),
            store_read_size: ByteSize::bytes(metrics.store.read_bytes.get()),
            store_write_count: metrics.store.writes.get(),
            write_conflict_count: metrics.store.write_conflicts.get(),
            deduplicated_request_count: metrics.deduplicated_requests.get(),
            generation: holding.ownership.generation(),
            owned_slice_count: holding.ownership.owned().count(),
            warm_key_count: warm.key_count(),
            warm_size: ByteSize::bytes(warm.size()),
        }
    }
}
