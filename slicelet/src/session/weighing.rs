//! Weighing: how much is warm in each range, counted beside the session.

use std::sync::Arc;
use std::time::Duration;

use emberkeep_core::keyspace::SliceKey;
use emberkeep_core::slicelet::{LoadMeter, Ownership};
use emberkeep_core::time::Timestamp;
use tokio::sync::oneshot;

use super::SessionParts;
use crate::codec::Codec;
use crate::holding::Holding;
use crate::metrics::Metrics;
use crate::warm::WarmByRange;

/// Weighs all that is warm again and again, but only when it has changed, and never for more than a twentieth of the
/// time of one core: a large store is weighed less often.
#[derive(Debug)]
pub(super) struct Weighing {
    under_way: Option<oneshot::Receiver<Weighed>>,
    /// In which ranges, by where they start, and at which size of the whole was weighed last.
    last: (Vec<SliceKey>, u64),
    not_before: Timestamp,
}

#[derive(Debug)]
struct Weighed {
    ownership: Arc<Ownership>,
    warm: WarmByRange,
    took: Duration,
}

/// How many times as long as the last weighing took is waited before the next one.
const REST_PER_WORK: u32 = 20;
/// A store that has grown or shrunk by less than this part is not weighed again.
const CHANGE_DIVISOR: u64 = 16;

impl Weighing {
    pub(super) const fn new() -> Self {
        Self {
            under_way: None,
            last: (Vec::new(), 0),
            not_before: Timestamp::ZERO,
        }
    }

    /// Hands the meter what was weighed, and weighs anew if it is time to.
    pub(super) fn go_on<C: Codec>(&mut self, meter: &mut LoadMeter, holding: &Arc<Holding>, parts: &SessionParts<C>) {
        let now = parts.clock.now();
        self.take_in(meter, &parts.metrics, now);
        if self.under_way.is_some() || now < self.not_before {
            return;
        }
        let present = (starts_of(&holding.ownership), parts.warm.size());
        if self.has_changed(&present) {
            self.last = present;
            self.under_way = Some(start(Arc::clone(holding), parts));
        }
    }

    fn take_in(&mut self, meter: &mut LoadMeter, metrics: &Metrics, now: Timestamp) {
        match self.under_way.as_mut().map(oneshot::Receiver::try_recv) {
            None | Some(Err(oneshot::error::TryRecvError::Empty)) => {}
            Some(Err(oneshot::error::TryRecvError::Closed)) => self.under_way = None,
            Some(Ok(weighed)) => {
                self.under_way = None;
                self.not_before = now + weighed.took * REST_PER_WORK;
                if starts_of(&weighed.ownership) == starts_of(meter.ownership()) {
                    metrics.warm.show_slices(&weighed.ownership, &weighed.warm);
                    meter.weighed(weighed.warm.sizes);
                }
            }
        }
    }

    fn has_changed(&self, (starts, size): &(Vec<SliceKey>, u64)) -> bool {
        let (last_starts, last_size) = &self.last;
        starts != last_starts || size.abs_diff(*last_size) > last_size / CHANGE_DIVISOR
    }
}

fn start<C: Codec>(holding: Arc<Holding>, parts: &SessionParts<C>) -> oneshot::Receiver<Weighed> {
    let (done, under_way) = oneshot::channel();
    let (warm, clock) = (Arc::clone(&parts.warm), parts.clock);
    parts.tasks.spawn_supervised("weigh what is warm", async move {
        let weigh = move || {
            let began_at = clock.now();
            let warm = warm.by_range(&holding);
            Weighed {
                ownership: Arc::clone(&holding.ownership),
                warm,
                took: clock.now().since(began_at),
            }
        };
        match tokio::task::spawn_blocking(weigh).await {
            // The session may have ended meanwhile.
            Ok(weighed) => drop(done.send(weighed)),
            Err(error) => tracing::error!(%error, "what is warm was not weighed, the last figures stand"),
        }
    });
    under_way
}

fn starts_of(ownership: &Ownership) -> Vec<SliceKey> {
    ownership.ranges().starts().cloned().collect()
}
