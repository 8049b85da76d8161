//! What the session publishes and requests go by.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use emberkeep_core::slicelet::Ownership;
use emberkeep_core::target::KeyMode;
use emberkeep_runtime::watch::Held;
use tokio::sync::watch;

use crate::heat::Heat;
use crate::holding::Holding;

/// Shared by the session, which writes it, and by requests, which read it and count. Nobody waits for anybody.
#[derive(Debug)]
pub(crate) struct Published {
    pub(crate) holding: ArcSwap<Holding>,
    pub(crate) held: watch::Sender<Option<Held>>,
    pub(crate) heat: Heat,
    hits: [HitCount; HIT_COUNTS],
}

/// Hits are counted in several places by key, so that threads seldom meet.
const HIT_COUNTS: usize = 16;

#[derive(Debug, Default)]
#[repr(align(64))]
struct HitCount(AtomicU64);

impl Published {
    /// Before the first assignment.
    pub(crate) fn nothing() -> Self {
        let nothing = Holding::new(Arc::new(Ownership::none()), KeyMode::default());
        Self {
            holding: ArcSwap::from_pointee(nothing),
            held: watch::Sender::new(None),
            heat: Heat::new(),
            hits: Default::default(),
        }
    }

    /// Requests go by `ownership` from now on. Answers what they went by before.
    pub(crate) fn publish(&self, ownership: Arc<Ownership>, key_mode: KeyMode) -> Arc<Holding> {
        let assignment = Arc::clone(ownership.assignment());
        let before = self.holding.swap(Arc::new(Holding::new(ownership, key_mode)));
        self.held.send_replace(Some(Held { assignment, key_mode }));
        before
    }

    #[inline]
    pub(crate) fn count_hit(&self, key_hash: u64) {
        self.hits[key_hash as usize % HIT_COUNTS]
            .0
            .fetch_add(1, Ordering::Relaxed);
    }

    /// How many hits were counted and not taken yet.
    pub(crate) fn hit_count(&self) -> u64 {
        self.hits.iter().map(|count| count.0.load(Ordering::Relaxed)).sum()
    }

    /// Takes the hits that were counted and starts over.
    pub(crate) fn take_hits(&self) -> u64 {
        self.hits.iter().map(|count| count.0.swap(0, Ordering::Relaxed)).sum()
    }
}
