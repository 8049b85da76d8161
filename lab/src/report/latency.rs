//! A histogram of latencies.

use std::time::Duration;

use hdrhistogram::Histogram;

/// Latencies to three significant digits; more than an hour counts as an hour.
#[derive(Debug)]
pub struct Latency(Histogram<u64>);

impl Default for Latency {
    fn default() -> Self {
        const DIGITS: u8 = 3;
        const MAX_US: u64 = 3_600_000_000;
        Self(Histogram::new_with_max(MAX_US, DIGITS).expect("three digits are allowed"))
    }
}

impl Latency {
    pub(crate) fn record(&mut self, latency: Duration) {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        self.0.saturating_record(micros);
    }

    /// The quantile in microseconds: the latency that this share of the requests did not exceed.
    pub fn quantile_us(&self, share: f64) -> u64 {
        self.0.value_at_quantile(share)
    }

    pub(super) fn max_us(&self) -> u64 {
        self.0.max()
    }
}
