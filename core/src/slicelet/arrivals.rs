//! Arrivals: the rate of requests in the last two seconds.

use std::time::Duration;

use crate::time::Timestamp;

/// Counts requests by quarters of a second, for two seconds.
#[derive(Debug, Clone, Default)]
pub(super) struct Arrivals {
    counts: [u64; SLOT_COUNT],
    /// The number of the newest quarter that has a count, since the clock's origin.
    newest: u64,
}

const SLOT: Duration = Duration::from_millis(250);
const SLOT_COUNT: usize = 9;
/// The long window, in whole quarters; the running quarter is left out.
const LONG: u64 = 8;
/// The short window, in whole quarters.
const SHORT: u64 = 2;
const SLOTS_PER_SECOND: u64 = 4;

impl Arrivals {
    pub(super) fn record(&mut self, now: Timestamp) {
        let slot = slot_of(now).max(self.newest);
        for forgotten in (self.newest + 1..=slot).rev().take(SLOT_COUNT) {
            *self.at(forgotten) = 0;
        }
        self.newest = slot;
        *self.at(slot) += 1;
    }

    /// Requests a second, rounded up: over the last two seconds or the last half second, whichever is more. So a rush is
    /// visible after half a second, and a gap after it does not hide it.
    pub(super) fn per_second(&self, now: Timestamp) -> u64 {
        let slot = slot_of(now);
        let rate = |slots: u64| (self.sum(slot, slots) * SLOTS_PER_SECOND).div_ceil(slots);
        rate(LONG).max(rate(SHORT))
    }

    /// The requests in the `slots` quarters before `slot`.
    fn sum(&self, slot: u64, slots: u64) -> u64 {
        let oldest_kept = (self.newest + 1).saturating_sub(SLOT_COUNT as u64);
        let from = slot.saturating_sub(slots).max(oldest_kept);
        let kept = from..slot.min(self.newest + 1);
        kept.map(|slot| self.counts[slot as usize % SLOT_COUNT]).sum()
    }

    const fn at(&mut self, slot: u64) -> &mut u64 {
        &mut self.counts[slot as usize % SLOT_COUNT]
    }
}

fn slot_of(now: Timestamp) -> u64 {
    now.as_micros() / SLOT.as_micros() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    /// One request every 10 ms in that time.
    fn hundred_a_second(arrivals: &mut Arrivals, millis: std::ops::Range<u64>) {
        millis.step_by(10).for_each(|millis| arrivals.record(at(millis)));
    }

    #[test]
    fn a_steady_stream_is_measured_exactly() {
        let mut arrivals = Arrivals::default();
        hundred_a_second(&mut arrivals, 0..10_000);
        assert_eq!(arrivals.per_second(at(10_000)), 100);
        assert_eq!(arrivals.per_second(at(10_249)), 100);
    }

    #[test]
    fn a_rush_is_visible_within_half_a_second_and_gone_after_two() {
        let mut arrivals = Arrivals::default();
        hundred_a_second(&mut arrivals, 20_000..20_500);
        assert_eq!(arrivals.per_second(at(20_500)), 100);
        assert_eq!(arrivals.per_second(at(21_500)), 25);
        assert_eq!(arrivals.per_second(at(22_500)), 0);
        arrivals.record(at(60_000));
        assert_eq!(arrivals.per_second(at(60_000)), 0, "its quarter is still running");
        assert_eq!(arrivals.per_second(at(60_250)), 2);
    }

    #[test]
    fn a_single_request_is_a_rate_of_one() {
        let mut arrivals = Arrivals::default();
        arrivals.record(at(0));
        assert_eq!(arrivals.per_second(at(1_000)), 1);
        assert_eq!(arrivals.per_second(at(3_000)), 0);
    }
}
