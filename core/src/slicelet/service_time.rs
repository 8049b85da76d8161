//! The service time: how long the store takes to answer a request.

use std::time::Duration;

/// An exponentially weighted mean: a request eight requests ago counts about a third of the newest one.
#[derive(Debug, Clone, Default)]
pub(super) struct ServiceTime {
    mean: Option<Duration>,
}

/// Each measurement replaces one part in this many of the mean.
const REPLACED: u32 = 8;

impl ServiceTime {
    pub(super) fn record(&mut self, took: Duration) {
        let mean = self.mean.unwrap_or(took);
        self.mean = Some(mean - mean / REPLACED + took / REPLACED);
    }

    /// How long `request_count` requests take with `slot_count` at a time; zero before the first measurement.
    pub(super) fn of(&self, request_count: usize, slot_count: usize) -> Duration {
        let (count, slots) = (request_count as u128, slot_count.max(1) as u128);
        let nanos = self.mean.unwrap_or_default().as_nanos().saturating_mul(count) / slots;
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_follows_what_is_measured() {
        let mut time = ServiceTime::default();
        assert_eq!(time.of(100, 1), Duration::ZERO);
        time.record(Duration::from_millis(80));
        assert_eq!(time.of(3, 2), Duration::from_millis(120));
        time.record(Duration::from_millis(160));
        assert_eq!(time.of(1, 1), Duration::from_millis(90));
        (0..100).for_each(|_| time.record(Duration::from_millis(8)));
        assert!(time.of(1, 1) < Duration::from_millis(9));
    }
}
