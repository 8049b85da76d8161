//! Weighing: the bytes that are warm in each range, summed up in a task beside the session.

use std::sync::Arc;
use std::time::Duration;

use emberkeep_core::keyspace::SliceKey;
use emberkeep_core::slicelet::Ownership;
use emberkeep_core::time::Timestamp;
use tokio::sync::oneshot;

use super::SessionParts;
use crate::codec::Codec;
use crate::metrics::Metrics;
use crate::ownership_snapshot::OwnershipSnapshot;
use crate::warm::WarmByRange;

/// Weighs the warm store whenever it has changed, for at most a twentieth of the time of one core: a large store is
/// weighed less often.
#[derive(Debug)]
pub(super) struct Weighing {
    under_way: Option<oneshot::Receiver<Weighed>>,
    /// The starts of the ranges and the size of the store when the last weighing started.
    last: (Vec<SliceKey>, u64),
    not_before: Timestamp,
}

#[derive(Debug)]
struct Weighed {
    ownership: Arc<Ownership>,
    warm: WarmByRange,
    took: Duration,
}

/// Pause after a weighing, in multiples of the time it took.
const REST_PER_WORK: u32 = 20;
/// The store is weighed again after its size has changed by more than one part in this many.
const CHANGE_DIVISOR: u64 = 16;

impl Weighing {
    pub(super) const fn new() -> Self {
        Self {
            under_way: None,
            last: (Vec::new(), 0),
            not_before: Timestamp::ZERO,
        }
    }

    /// Takes the result of a weighing that has finished: the bytes of each range, if the ranges are still the same.
    /// Starts the next one if it is due.
    pub(super) fn poll<C: Codec>(
        &mut self,
        published: &Arc<OwnershipSnapshot>,
        parts: &SessionParts<C>,
    ) -> Option<Vec<u64>> {
        let now = parts.clock.now();
        let memory = self.take_finished(&published.ownership, &parts.metrics, now);
        if self.under_way.is_none() && now >= self.not_before {
            let present = (starts_of(&published.ownership), parts.warm.size());
            if self.has_changed(&present) {
                self.last = present;
                self.under_way = Some(start(Arc::clone(published), parts));
            }
        }
        memory
    }

    fn take_finished(&mut self, published: &Ownership, metrics: &Metrics, now: Timestamp) -> Option<Vec<u64>> {
        let weighed = match self.under_way.as_mut()?.try_recv() {
            Ok(weighed) => weighed,
            Err(oneshot::error::TryRecvError::Empty) => return None,
            Err(oneshot::error::TryRecvError::Closed) => {
                self.under_way = None;
                return None;
            }
        };
        self.under_way = None;
        self.not_before = now + weighed.took * REST_PER_WORK;
        if starts_of(&weighed.ownership) != starts_of(published) {
            return None;
        }
        metrics.warm.show_slices(&weighed.ownership, &weighed.warm);
        Some(weighed.warm.sizes)
    }

    fn has_changed(&self, (starts, size): &(Vec<SliceKey>, u64)) -> bool {
        let (last_starts, last_size) = &self.last;
        starts != last_starts || size.abs_diff(*last_size) > last_size / CHANGE_DIVISOR
    }
}

fn start<C: Codec>(published: Arc<OwnershipSnapshot>, parts: &SessionParts<C>) -> oneshot::Receiver<Weighed> {
    let (done, under_way) = oneshot::channel();
    let (warm, clock) = (Arc::clone(&parts.warm), parts.clock);
    parts.tasks.spawn_supervised("weigh warm values", async move {
        let weigh = move || {
            let began_at = clock.now();
            let warm = warm.by_range(&published);
            Weighed {
                ownership: Arc::clone(&published.ownership),
                warm,
                took: clock.now().since(began_at),
            }
        };
        match tokio::task::spawn_blocking(weigh).await {
            // The receiver is gone if the session has ended.
            Ok(weighed) => drop(done.send(weighed)),
            Err(error) => tracing::error!(%error, "warm values were not weighed, the previous sizes stay in force"),
        }
    });
    under_way
}

fn starts_of(ownership: &Ownership) -> Vec<SliceKey> {
    ownership.ranges().starts().cloned().collect()
}
