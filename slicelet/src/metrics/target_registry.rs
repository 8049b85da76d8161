//! Registration of metrics: each carries the target's name as a constant label.

use emberkeep_runtime::metric_registry::MetricRegistry;
use prometheus::{Gauge, GaugeVec, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts};

/// Creates and registers metrics labelled with one target.
pub(super) struct TargetRegistry<'a> {
    pub(super) registry: &'a MetricRegistry,
    pub(super) target: &'a str,
}

impl TargetRegistry<'_> {
    fn opts(&self, name: &str, help: &str) -> Opts {
        Opts::new(name, help).const_label("target", self.target)
    }

    pub(super) fn counter(&self, name: &str, help: &str) -> IntCounter {
        self.registry.registered(IntCounter::with_opts(self.opts(name, help)))
    }

    pub(super) fn gauge(&self, name: &str, help: &str) -> IntGauge {
        self.registry.registered(IntGauge::with_opts(self.opts(name, help)))
    }

    pub(super) fn real_gauge(&self, name: &str, help: &str) -> Gauge {
        self.registry.registered(Gauge::with_opts(self.opts(name, help)))
    }

    pub(super) fn counters(&self, name: &str, help: &str, label: &str) -> IntCounterVec {
        self.registry
            .registered(IntCounterVec::new(self.opts(name, help), &[label]))
    }

    pub(super) fn int_gauges(&self, name: &str, help: &str, label: &str) -> IntGaugeVec {
        self.registry
            .registered(IntGaugeVec::new(self.opts(name, help), &[label]))
    }

    pub(super) fn gauges(&self, name: &str, help: &str, label: &str) -> GaugeVec {
        self.registry.registered(GaugeVec::new(self.opts(name, help), &[label]))
    }

    /// A histogram of seconds with 16 buckets, from 0.25 ms doubling to 8.2 s.
    pub(super) fn histogram(&self, name: &str, help: &str) -> Histogram {
        let buckets = prometheus::exponential_buckets(0.000_25, 2.0, 16).expect("start, factor and count are valid");
        let opts = HistogramOpts::from(self.opts(name, help)).buckets(buckets);
        self.registry.registered(Histogram::with_opts(opts))
    }
}
