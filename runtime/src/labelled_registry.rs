//! Registration of metrics that carry the same constant labels, such as the name of a target.

use std::sync::Arc;

use prometheus::{Gauge, GaugeVec, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts};

use crate::age_gauge::AgeGauge;
use crate::computed_gauge::ComputedGauge;
use crate::metric_registry::MetricRegistry;

/// Creates and registers metrics with constant labels. Each method panics as [`MetricRegistry::registered`].
#[derive(Debug, Clone, Copy)]
pub struct LabelledRegistry<'a> {
    /// Where they are registered.
    pub registry: &'a MetricRegistry,
    /// The names and values of the labels.
    pub labels: &'a [(&'a str, &'a str)],
}

#[allow(missing_docs, reason = "each method creates the metric that it is named after")]
impl LabelledRegistry<'_> {
    fn opts(&self, name: &str, help: &str) -> Opts {
        let opts = Opts::new(name, help);
        self.labels
            .iter()
            .fold(opts, |opts, (label, value)| opts.const_label(*label, *value))
    }

    pub fn counter(&self, name: &str, help: &str) -> IntCounter {
        self.registry.registered(IntCounter::with_opts(self.opts(name, help)))
    }

    pub fn gauge(&self, name: &str, help: &str) -> IntGauge {
        self.registry.registered(IntGauge::with_opts(self.opts(name, help)))
    }

    pub fn real_gauge(&self, name: &str, help: &str) -> Gauge {
        self.registry.registered(Gauge::with_opts(self.opts(name, help)))
    }

    pub fn age_gauge(&self, name: &str, help: &str) -> AgeGauge {
        self.registry.registered(AgeGauge::with_opts(self.opts(name, help)))
    }

    pub fn computed_gauge(&self, name: &str, help: &str, value: impl Fn() -> f64 + Send + Sync + 'static) {
        let gauge = ComputedGauge::with_opts(self.opts(name, help), Arc::new(value));
        self.registry.registered(gauge);
    }

    pub fn counters(&self, name: &str, help: &str, label: &str) -> IntCounterVec {
        self.registry
            .registered(IntCounterVec::new(self.opts(name, help), &[label]))
    }

    pub fn int_gauges(&self, name: &str, help: &str, label: &str) -> IntGaugeVec {
        self.registry
            .registered(IntGaugeVec::new(self.opts(name, help), &[label]))
    }

    pub fn gauges(&self, name: &str, help: &str, label: &str) -> GaugeVec {
        self.registry.registered(GaugeVec::new(self.opts(name, help), &[label]))
    }

    /// A histogram of seconds with 16 buckets, from 0.25 ms doubling to 8.2 s.
    pub fn histogram(&self, name: &str, help: &str) -> Histogram {
        let buckets = prometheus::exponential_buckets(0.000_25, 2.0, 16).expect("start, factor and count are valid");
        let opts = HistogramOpts::from(self.opts(name, help)).buckets(buckets);
        self.registry.registered(Histogram::with_opts(opts))
    }
}
