//! A gauge whose value is computed when it is collected.

use std::fmt;
use std::sync::Arc;

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{Gauge, Opts};

/// Computes the value of a gauge.
pub type ValueOf = Arc<dyn Fn() -> f64 + Send + Sync>;

/// A gauge that is computed at each collection, so that no task has to keep it current.
#[derive(Clone)]
pub struct ComputedGauge {
    gauge: Gauge,
    value: ValueOf,
}

impl ComputedGauge {
    /// A gauge with that value.
    ///
    /// # Errors
    /// When the name or a label is not valid.
    pub fn with_opts(opts: Opts, value: ValueOf) -> prometheus::Result<Self> {
        let gauge = Gauge::with_opts(opts)?;
        Ok(Self { gauge, value })
    }
}

impl Collector for ComputedGauge {
    fn desc(&self) -> Vec<&Desc> {
        self.gauge.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        self.gauge.set((self.value)());
        self.gauge.collect()
    }
}

impl fmt::Debug for ComputedGauge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ComputedGauge").finish_non_exhaustive()
    }
}
