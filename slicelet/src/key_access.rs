//! Key access: the state shared by all guards and writers of a slicelet, and the ownership checks on it.

use std::sync::Arc;
use std::time::Duration;

use emberkeep_core::assignment::Generation;
use emberkeep_core::keyspace::SliceKey;
use emberkeep_core::time::Timestamp;
use emberkeep_proto::convert::NotOwner;

use crate::codec::Codec;
use crate::metrics::Metrics;
use crate::own_error::OwnError;
use crate::ownership_snapshot::OwnershipSnapshot;
use crate::published_state::PublishedState;
use crate::warm::{Freshness, OwnershipFence, WarmStore};

/// Shared by all guards and writers of a slicelet.
pub(crate) struct KeyAccess<C: Codec> {
    pub(crate) published: Arc<PublishedState>,
    pub(crate) warm: Arc<WarmStore<C>>,
    pub(crate) metrics: Metrics,
    pub(crate) freshness: Freshness,
    pub(crate) is_writable: bool,
    /// The longest that a read or write may take.
    pub(crate) load_deadline: Duration,
    /// Keys read or written at a time by operations on many keys.
    pub(crate) load_concurrency: usize,
}

impl<C: Codec> KeyAccess<C> {
    /// Deadline of a read or write that begins now: after `wait_limit` or the slicelet's own limit, whichever is shorter.
    pub(crate) fn deadline(&self, wait_limit: Option<Duration>) -> Timestamp {
        let allowed = self.load_deadline;
        self.warm.parts.clock.now() + wait_limit.map_or(allowed, |limit| limit.min(allowed))
    }

    /// Checks ownership and returns the fence for a write. The pod must have held the key without interruption since
    /// generation `since`.
    ///
    /// A pod in phase `Leaving` may answer reads but not write: the new owner might already have read the object.
    pub(crate) fn write_fence(&self, slice_key: &SliceKey, since: Generation) -> Result<OwnershipFence, OwnError> {
        let snapshot = self.published.snapshot.load();
        let (range, share) = snapshot.ownership.share_of(slice_key);
        match share {
            Some(share) if share.may_write() && share.held_since <= since => {
                Ok(snapshot.fence(range, share, self.freshness))
            }
            Some(_) | None => Err(self.not_owner(&snapshot, slice_key)),
        }
    }

    /// Charges `units` of load to the slice that contains the key now.
    pub(crate) fn charge(&self, slice_key: &SliceKey, units: u64) {
        let snapshot = self.published.snapshot.load();
        let (range, _) = snapshot.ownership.share_of(slice_key);
        let ordinal = snapshot.count_extra(range, units);
        self.published.sampler.sample(slice_key, units, ordinal);
    }

    /// Records a misroute and returns the error that names the owner.
    #[cold]
    pub(crate) fn not_owner(&self, snapshot: &OwnershipSnapshot, slice_key: &SliceKey) -> OwnError {
        self.metrics.misroutes.inc();
        let (slice, owner) = snapshot.ownership.server_of(slice_key);
        OwnError::NotOwner(Box::new(NotOwner {
            generation: snapshot.ownership.generation(),
            slice,
            owner: owner.cloned(),
        }))
    }
}
