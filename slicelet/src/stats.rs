//! Statistics of a slicelet, for services and tests.

use emberkeep_core::assignment::Generation;

use crate::byte_size::ByteSize;
use crate::codec::Codec;
use crate::metrics::{Metrics, ReadCause};
use crate::published_state::PublishedState;
use crate::warm::WarmStore;

/// Counts since the start of the slicelet, and its present state.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Requests for keys owned by this pod.
    pub request_count: u64,
    /// Requests answered without waiting for a load.
    pub hit_count: u64,
    /// Requests for a missing object answered from the negative cache.
    pub missing_hit_count: u64,
    /// Requests for keys not owned by this pod.
    pub misroute_count: u64,
    /// Values loaded from the disk cache without a read of the store.
    pub disk_hit_count: u64,
    /// Reads of the store, for any cause.
    pub store_read_count: u64,
    /// Conditional reads among them, which check a cached version.
    pub revalidation_count: u64,
    /// Bytes read from the store.
    pub store_read_size: ByteSize,
    /// Writes confirmed durable by the store.
    pub store_write_count: u64,
    /// Conditional writes rejected because another pod had written the object.
    pub write_conflict_count: u64,
    /// Repeated requests that received the stored answer of the first one.
    pub deduplicated_request_count: u64,
    /// The generation of the assignment in effect.
    pub generation: Generation,
    /// Slices of which the pod is a replica in any phase.
    pub owned_slice_count: usize,
    /// Keys with a warm value.
    pub warm_key_count: usize,
    /// Memory used by warm values.
    pub warm_size: ByteSize,
}

impl Stats {
    pub(crate) fn of<C: Codec>(metrics: &Metrics, published: &PublishedState, warm: &WarmStore<C>) -> Self {
        let snapshot = published.snapshot.load();
        // The metrics lag behind by the requests since the last load measurement.
        let request_count = metrics.requests.get() + snapshot.request_count();
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
            generation: snapshot.ownership.generation(),
            owned_slice_count: snapshot.ownership.owned().count(),
            warm_key_count: warm.key_count(),
            warm_size: ByteSize::bytes(warm.size()),
        }
    }
}
