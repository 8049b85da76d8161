//! The impact of a key that becomes hot.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::latency::Latency;
use super::units::{in_ms, millis};

/// The time until the load was balanced again, and the latency before and after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct HotKeyImpact {
    /// The time until no pod exceeded the tolerated load; `None` if the balance did not last.
    pub balanced_after_ms: Option<u64>,
    /// The 99th percentile of latency until then, in microseconds.
    pub p99_before_us: u64,
    /// The 99th percentile after that time.
    pub p99_after_us: u64,
}

/// The figures since the key became hot.
#[derive(Debug)]
pub(super) struct HotKeyRecorder {
    p99_before_us: u64,
    latency: Latency,
    balanced_after: Option<Duration>,
}

impl HotKeyRecorder {
    pub(super) fn new(p99_before_us: u64) -> Self {
        Self {
            p99_before_us,
            latency: Latency::default(),
            balanced_after: None,
        }
    }

    pub(super) fn record_latency(&mut self, latency: Duration) {
        self.latency.record(latency);
    }

    pub(super) const fn record_balanced(&mut self, after: Duration) {
        self.balanced_after = Some(after);
    }

    pub(super) fn impact(&self) -> HotKeyImpact {
        HotKeyImpact {
            balanced_after_ms: self.balanced_after.map(millis),
            p99_before_us: self.p99_before_us,
            p99_after_us: self.latency.quantile_us(0.99),
        }
    }
}

impl fmt::Display for HotKeyImpact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.balanced_after_ms {
            Some(after) => write!(f, "balanced after {after} ms")?,
            None => f.write_str("never balanced")?,
        }
        let [before, after] = [self.p99_before_us, self.p99_after_us].map(in_ms);
        write!(f, ", p99 {before} before and {after} after")
    }
}
