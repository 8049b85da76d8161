//! The holding: what the pod owns at this moment, and how much it is asked for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use emberkeep_core::keyspace::SliceKey;
use emberkeep_core::slicelet::{Ownership, Share};
use emberkeep_core::target::KeyMode;
use emberkeep_core::time::Timestamp;

use crate::warm::{Freshness, OwnershipFence};

/// An ownership with a count for each of its ranges. Replaced as a whole when the assignment changes.
#[derive(Debug)]
pub(crate) struct Holding {
    pub(crate) ownership: Arc<Ownership>,
    pub(crate) key_mode: KeyMode,
    counts: Box<[RangeCount]>,
    /// Since when the pod knows the epoch of each range.
    learned_at: Box<[Timestamp]>,
}

/// What one range was asked for. Alone in its cache line, so that threads at different slices do not meet.
///
/// The counts never start over: whether a request is sampled depends on how many came before it. Were that none again
/// each second, the first request of each range would always be sampled, and quiet slices would seem full of hot keys.
#[derive(Debug, Default)]
#[repr(align(64))]
struct RangeCount {
    requests: AtomicU64,
    /// Load units beyond the one that each request is.
    extra_units: AtomicU64,
    /// How much of the two was taken.
    requests_taken: AtomicU64,
    extra_units_taken: AtomicU64,
}

impl RangeCount {
    fn take_requests(&self) -> u64 {
        let counted = self.requests.load(Ordering::Relaxed);
        counted.wrapping_sub(self.requests_taken.swap(counted, Ordering::Relaxed))
    }

    fn take_extra_units(&self) -> u64 {
        let counted = self.extra_units.load(Ordering::Relaxed);
        // A service may charge as much as it likes; the sum goes round.
        counted.wrapping_sub(self.extra_units_taken.swap(counted, Ordering::Relaxed))
    }

    fn requests_left(&self) -> u64 {
        let taken = self.requests_taken.load(Ordering::Relaxed);
        self.requests.load(Ordering::Relaxed).wrapping_sub(taken)
    }
}

/// What was counted since the last time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) request_count: u64,
    /// Load units of each range, by its number.
    pub(crate) units: Vec<u64>,
}

impl Holding {
    /// Before the first assignment.
    pub(crate) fn nothing() -> Self {
        Self::new(
            Arc::new(Ownership::none()),
            KeyMode::default(),
            [Timestamp::ZERO].into(),
        )
    }

    /// What the pod owns from `now` on.
    pub(crate) fn followed_by(&self, ownership: Arc<Ownership>, key_mode: KeyMode, now: Timestamp) -> Self {
        let ranges = ownership.ranges();
        let learned_at = |(start, share): (_, &Option<Share>)| match share {
            Some(share) => self.knows_since(start, share).unwrap_or(now),
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

    /// Since when the epoch of the range that begins there is known, if it is.
    fn knows_since(&self, start: &SliceKey, share: &Share) -> Option<Timestamp> {
        let (range, known) = self.ownership.share_of(start);
        known
            .filter(|known| known.epoch == share.epoch)
            .map(|_| self.learned_at[range])
    }

    /// What counts for a request in that range.
    #[inline]
    pub(crate) fn fence(&self, range: usize, share: &Share, freshness: Freshness) -> OwnershipFence {
        freshness.fence(share, self.ownership.generation(), self.learned_at[range])
    }

    /// Counts a request in a range; answers how many there were before.
    #[inline]
    pub(crate) fn count_request(&self, range: usize) -> u64 {
        self.counts[range].requests.fetch_add(1, Ordering::Relaxed)
    }

    /// Counts more load in a range; answers how much there was before.
    #[inline]
    pub(crate) fn count_extra(&self, range: usize, units: u64) -> u64 {
        self.counts[range].extra_units.fetch_add(units, Ordering::Relaxed)
    }

    /// How many requests were counted and not taken yet.
    pub(crate) fn request_count(&self) -> u64 {
        self.counts.iter().map(RangeCount::requests_left).sum()
    }

    /// Takes what was counted since the last time.
    pub(crate) fn take_counts(&self) -> Counted {
        let mut counted = Counted::default();
        for count in &self.counts {
            let (requests, extra) = (count.take_requests(), count.take_extra_units());
            counted.request_count += requests;
            counted.units.push(requests.saturating_add(extra));
        }
        counted
    }
}
