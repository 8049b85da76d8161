//! The ownership snapshot: the ownership that requests are checked against, with the load counted under it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use emberkeep_core::keyspace::SliceKey;
use emberkeep_core::slicelet::{Ownership, Share};
use emberkeep_core::target::KeyMode;
use emberkeep_core::time::Timestamp;

use crate::warm::{Freshness, OwnershipFence};

/// An ownership with counts for each of its ranges. It is replaced as a whole when the assignment changes.
#[derive(Debug)]
pub(crate) struct OwnershipSnapshot {
    pub(crate) ownership: Arc<Ownership>,
    pub(crate) key_mode: KeyMode,
    counts: Box<[RangeCount]>,
    /// When the pod learned the epoch of each range.
    learned_at: Box<[Timestamp]>,
}

/// The load of one range, in a cache line of its own, so that threads at different slices do not contend.
///
/// The counts are never reset: the count before a request decides whether it is sampled. If counts restarted each second,
/// the first request of each range would always be sampled, and quiet slices would seem full of hot keys.
#[derive(Debug, Default)]
#[repr(align(64))]
struct RangeCount {
    requests: AtomicU64,
    /// Load units beyond the one unit of each request.
    extra_units: AtomicU64,
    /// The value of `requests` when it was last taken.
    requests_taken: AtomicU64,
    /// The value of `extra_units` when it was last taken.
    extra_units_taken: AtomicU64,
}

impl RangeCount {
    fn take_requests(&self) -> u64 {
        let counted = self.requests.load(Ordering::Relaxed);
        counted.wrapping_sub(self.requests_taken.swap(counted, Ordering::Relaxed))
    }

    fn take_extra_units(&self) -> u64 {
        let counted = self.extra_units.load(Ordering::Relaxed);
        // The sum wraps: a service may charge any number of units.
        counted.wrapping_sub(self.extra_units_taken.swap(counted, Ordering::Relaxed))
    }

    fn requests_left(&self) -> u64 {
        let taken = self.requests_taken.load(Ordering::Relaxed);
        self.requests.load(Ordering::Relaxed).wrapping_sub(taken)
    }
}

/// The counts since they were last taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TakenCounts {
    pub(crate) request_count: u64,
    /// Load units of each range, by range number.
    pub(crate) units: Vec<u64>,
}

impl OwnershipSnapshot {
    /// Before the first assignment.
    pub(crate) fn none() -> Self {
        Self::new(
            Arc::new(Ownership::none()),
            KeyMode::default(),
            [Timestamp::ZERO].into(),
        )
    }

    /// The snapshot of `ownership`, which replaces this one at `now`.
    pub(crate) fn followed_by(&self, ownership: Arc<Ownership>, key_mode: KeyMode, now: Timestamp) -> Self {
        let ranges = ownership.ranges();
        let learned_at = |(start, share): (_, &Option<Share>)| match share {
            Some(share) => self.learned_at(start, share).unwrap_or(now),
            None => now,
        };
        let learned_at = ranges.starts().zip(ranges.values()).map(learned_at).collect();
        Self::new(ownership, key_mode, learned_at)
    }

    fn new(ownership: Arc<Ownership>, key_mode: KeyMode, learned_at: Box<[Timestamp]>) -> Self {
        let counts = std::iter::repeat_with(RangeCount::default)
            .take(ownership.range_count())
            .collect();
        Self {
            ownership,
            key_mode,
            counts,
            learned_at,
        }
    }

    /// When the pod learned the epoch of the range that starts there, if it knows that epoch.
    fn learned_at(&self, start: &SliceKey, share: &Share) -> Option<Timestamp> {
        let (range, known) = self.ownership.share_of(start);
        known
            .filter(|known| known.epoch == share.epoch)
            .map(|_| self.learned_at[range])
    }

    /// The ownership that a request in that range relies on.
    #[inline]
    pub(crate) fn fence(&self, range: usize, share: &Share, freshness: Freshness) -> OwnershipFence {
        freshness.fence(share, self.ownership.generation(), self.learned_at[range])
    }

    /// Counts a request in a range; the count before it.
    #[inline]
    pub(crate) fn count_request(&self, range: usize) -> u64 {
        self.counts[range].requests.fetch_add(1, Ordering::Relaxed)
    }

    /// Counts load units in a range; the sum before them.
    #[inline]
    pub(crate) fn count_extra(&self, range: usize, units: u64) -> u64 {
        self.counts[range].extra_units.fetch_add(units, Ordering::Relaxed)
    }

    /// The requests counted since they were last taken.
    pub(crate) fn request_count(&self) -> u64 {
        self.counts.iter().map(RangeCount::requests_left).sum()
    }

    /// Takes the counts since they were last taken.
    pub(crate) fn take_counts(&self) -> TakenCounts {
        let mut taken = TakenCounts::default();
        for count in &self.counts {
            let (requests, extra) = (count.take_requests(), count.take_extra_units());
            taken.request_count += requests;
            taken.units.push(requests.saturating_add(extra));
        }
        taken
    }
}
