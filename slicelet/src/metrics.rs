//! The metrics of a slicelet; their names are here and nowhere else.

mod transfer;

use std::time::Duration;

use emberkeep_core::slicelet::Ownership;
use emberkeep_core::slicelet::admission::Admission;
use emberkeep_runtime::metric_registry::{MetricDescription, MetricRegistry};
use prometheus::{Gauge, GaugeVec, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts};

use crate::warm::WarmByRange;
pub(crate) use transfer::{PullEnd, Running, TransferMetrics};

/// What a slicelet counts. Copies count into the same.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    pub(crate) registry: MetricRegistry,
    pub(crate) requests: IntCounter,
    pub(crate) hits: IntCounter,
    pub(crate) loads: IntCounter,
    pub(crate) missing_hits: IntCounter,
    pub(crate) disk_hits: IntCounter,
    pub(crate) repeats: IntCounter,
    pub(crate) misroutes: IntCounter,
    pub(crate) forwards: ForwardMetrics,
    pub(crate) store: StoreMetrics,
    pub(crate) admission: AdmissionMetrics,
    pub(crate) warm: WarmMetrics,
    pub(crate) transfer: TransferMetrics,
    pub(crate) load_fast: Gauge,
    pub(crate) load_slow: Gauge,
    pub(crate) generation: IntGauge,
    pub(crate) owned_slices: IntGauge,
    pub(crate) is_connected: IntGauge,
}

const LOAD_HELP: &str = "Load in cost units a second, decayed";

impl Metrics {
    /// All at nothing, in a registry of their own.
    pub(crate) fn new(target: &str) -> Self {
        let registry = MetricRegistry::default();
        let named = Named {
            registry: &registry,
            target,
        };
        let load = named.gauges("emberkeep_slicelet_load_units", LOAD_HELP, "half_life");
        let counter = |name, help| named.counter(name, help);
        let gauge = |name, help| named.gauge(name, help);
        Self {
            requests: counter(
                "emberkeep_slicelet_requests_total",
                "Requests for keys that the pod owned",
            ),
            hits: counter(
                "emberkeep_slicelet_hits_total",
                "Requests that did not wait for a value to be loaded",
            ),
            loads: counter(
                "emberkeep_slicelet_loads_total",
                "Requests that waited for a value to be loaded",
            ),
            missing_hits: counter(
                "emberkeep_slicelet_missing_hits_total",
                "Answers that there is no object, known without a read",
            ),
            disk_hits: counter(
                "emberkeep_slicelet_disk_hits_total",
                "Values loaded from disk without asking object storage",
            ),
            repeats: counter(
                "emberkeep_slicelet_repeats_total",
                "Requests that had been answered before and got the same answer",
            ),
            misroutes: counter(
                "emberkeep_slicelet_misroutes_total",
                "Requests for keys that the pod did not own",
            ),
            forwards: ForwardMetrics::new(&named),
            store: StoreMetrics::new(&named),
            admission: AdmissionMetrics::new(&named),
            warm: WarmMetrics::new(&named),
            transfer: TransferMetrics::new(&named),
            load_fast: load.with_label_values(&["10s"]),
            load_slow: load.with_label_values(&["60s"]),
            generation: gauge(
                "emberkeep_slicelet_generation",
                "The generation of the assignment that the pod goes by",
            ),
            owned_slices: gauge("emberkeep_slicelet_owned_slices", "Slices in which the pod has a share"),
            is_connected: gauge(
                "emberkeep_slicelet_is_connected",
                "Whether the session with the assigner is up",
            ),
            registry,
        }
    }

    /// So many requests were made since the last time. Those that did not wait for a load were hits: counted like this,
    /// a hit costs nothing when it happens.
    pub(crate) fn requests_made(&self, count: u64) {
        self.requests.inc_by(count);
        let hits = self.requests.get().saturating_sub(self.loads.get());
        self.hits.inc_by(hits.saturating_sub(self.hits.get()));
    }
}

/// What came of a request that was to be sent on to the owner of its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ForwardOutcome {
    /// The owner answered.
    Answered,
    /// The pod it was sent to did not own the key either.
    NotOwner,
    /// The owner could not be reached: it was not sent.
    Unreachable,
    /// The connection broke before there was an answer.
    Broken,
    /// There was no answer within the deadline.
    TimedOut,
    /// It was too large to be kept.
    TooLarge,
    /// The service refused it before all of it had come.
    Streaming,
    /// It had been sent on as often as may be.
    Circling,
}

impl ForwardOutcome {
    const ALL: [Self; 8] = [
        Self::Answered,
        Self::NotOwner,
        Self::Unreachable,
        Self::Broken,
        Self::TimedOut,
        Self::TooLarge,
        Self::Streaming,
        Self::Circling,
    ];

    const fn label(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::NotOwner => "not_owner",
            Self::Unreachable => "unreachable",
            Self::Broken => "broken",
            Self::TimedOut => "timed_out",
            Self::TooLarge => "too_large",
            Self::Streaming => "streaming",
            Self::Circling => "circling",
        }
    }
}

/// What was sent on. Copies count into the same.
#[derive(Debug, Clone)]
pub(crate) struct ForwardMetrics(IntCounterVec);

impl ForwardMetrics {
    fn new(named: &Named<'_>) -> Self {
        let forwards = named.counters(
            "emberkeep_slicelet_forwards_total",
            "Requests for other pods' keys that were to be sent on to the owner",
            "outcome",
        );
        for outcome in ForwardOutcome::ALL {
            forwards.with_label_values(&[outcome.label()]);
        }
        Self(forwards)
    }

    /// One more has come to this.
    pub(crate) fn ended(&self, outcome: ForwardOutcome) {
        self.0.with_label_values(&[outcome.label()]).inc();
    }
}

/// Why the store was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// A client asked for what was not known.
    Miss,
    /// A client asked for what had to be checked.
    Revalidate,
    /// Nobody had asked for it yet.
    Prefetch,
}

impl Cause {
    const ALL: [Self; 3] = [Self::Miss, Self::Revalidate, Self::Prefetch];

    const fn label(self) -> &'static str {
        match self {
            Self::Miss => "miss",
            Self::Revalidate => "revalidate",
            Self::Prefetch => "prefetch",
        }
    }
}

/// What was asked of object storage. Copies count into the same.
#[derive(Debug, Clone)]
pub(crate) struct StoreMetrics {
    reads: IntCounterVec,
    pub(crate) read_bytes: IntCounter,
    read_seconds: Histogram,
    pub(crate) writes: IntCounter,
    write_bytes: IntCounter,
    write_failures: IntCounter,
    write_seconds: Histogram,
    pub(crate) lost_races: IntCounter,
}

impl StoreMetrics {
    fn new(named: &Named<'_>) -> Self {
        let reads = named.counters(
            "emberkeep_slicelet_store_reads_total",
            "Reads of object storage",
            "cause",
        );
        for cause in Cause::ALL {
            reads.with_label_values(&[cause.label()]);
        }
        Self {
            reads,
            read_bytes: named.counter(
                "emberkeep_slicelet_store_read_bytes_total",
                "Bytes read from object storage",
            ),
            read_seconds: named.histogram(
                "emberkeep_slicelet_store_read_seconds",
                "How long a read of object storage took",
            ),
            writes: named.counter("emberkeep_slicelet_store_writes_total", "Writes that are durable"),
            write_bytes: named.counter(
                "emberkeep_slicelet_store_write_bytes_total",
                "Bytes written to object storage",
            ),
            write_failures: named.counter(
                "emberkeep_slicelet_store_write_failures_total",
                "Writes that object storage refused, or of which it is not known whether they happened",
            ),
            write_seconds: named.histogram(
                "emberkeep_slicelet_store_write_seconds",
                "How long a write to object storage took",
            ),
            lost_races: named.counter(
                "emberkeep_slicelet_lost_races_total",
                "Writes that were refused because another pod had written the object",
            ),
        }
    }

    /// A read has ended.
    pub(crate) fn read(&self, cause: Cause, size: usize, took: Duration) {
        self.reads.with_label_values(&[cause.label()]).inc();
        self.read_bytes.inc_by(size as u64);
        self.read_seconds.observe(took.as_secs_f64());
    }

    /// How many reads there were, whatever for.
    pub(crate) fn read_count(&self) -> u64 {
        Cause::ALL.into_iter().map(|cause| self.reads_for(cause)).sum()
    }

    /// How many reads there were for that.
    pub(crate) fn reads_for(&self, cause: Cause) -> u64 {
        self.reads.with_label_values(&[cause.label()]).get()
    }

    /// A write has ended.
    pub(crate) fn written(&self, size: usize, took: Duration, is_durable: bool) {
        self.write_seconds.observe(took.as_secs_f64());
        if is_durable {
            self.writes.inc();
            self.write_bytes.inc_by(size as u64);
        } else {
            self.write_failures.inc();
        }
    }
}

/// What is warm. Copies count into the same.
#[derive(Debug, Clone)]
pub(crate) struct WarmMetrics {
    pub(crate) bytes: IntGauge,
    pub(crate) keys: IntGauge,
    slice_bytes: IntGaugeVec,
    slice_keys: IntGaugeVec,
}

impl WarmMetrics {
    fn new(named: &Named<'_>) -> Self {
        Self {
            bytes: named.gauge("emberkeep_slicelet_warm_bytes", "Memory taken by warm values"),
            keys: named.gauge("emberkeep_slicelet_warm_keys", "Keys with a warm value"),
            slice_bytes: named.int_gauges(
                "emberkeep_slicelet_slice_warm_bytes",
                "Memory taken by warm values of a slice",
                "slice",
            ),
            slice_keys: named.int_gauges(
                "emberkeep_slicelet_slice_warm_keys",
                "Keys of a slice with a warm value",
                "slice",
            ),
        }
    }

    /// What is warm in each slice of the pod.
    pub(crate) fn show_slices(&self, ownership: &Ownership, warm: &WarmByRange) {
        self.slice_bytes.reset();
        self.slice_keys.reset();
        for (range, (slice, share)) in ownership.ranges().iter().enumerate() {
            if share.is_some() {
                let slice = slice.to_string();
                let (bytes, keys) = (warm.sizes[range] as i64, warm.key_counts[range] as i64);
                self.slice_bytes.with_label_values(&[&slice]).set(bytes);
                self.slice_keys.with_label_values(&[&slice]).set(keys);
            }
        }
    }
}

/// What stands between the pod and its object store. Copies count into the same.
#[derive(Debug, Clone)]
pub(crate) struct AdmissionMetrics {
    pub(crate) waiting: IntGauge,
    pub(crate) running: IntGauge,
    pub(crate) refused: IntCounter,
    limit: IntGauge,
    rate: Gauge,
    wait_seconds: Histogram,
}

impl AdmissionMetrics {
    fn new(named: &Named<'_>) -> Self {
        Self {
            waiting: named.gauge(
                "emberkeep_slicelet_store_waiting_requests",
                "Requests of object storage that wait for their turn",
            ),
            running: named.gauge(
                "emberkeep_slicelet_store_running_requests",
                "Requests of object storage that are under way",
            ),
            refused: named.counter(
                "emberkeep_slicelet_store_refused_total",
                "Requests of object storage that could not be made in time",
            ),
            limit: named.gauge(
                "emberkeep_slicelet_store_concurrency_limit",
                "Requests of object storage that may be under way",
            ),
            rate: named.real_gauge(
                "emberkeep_slicelet_store_granted_rate",
                "Requests of object storage a second that the assigner grants the pod, +Inf for any number",
            ),
            wait_seconds: named.histogram(
                "emberkeep_slicelet_store_wait_seconds",
                "How long a request of object storage waited for its turn",
            ),
        }
    }

    /// A request was let through after it had waited for so long.
    pub(crate) fn admitted(&self, waited: Duration) {
        self.wait_seconds.observe(waited.as_secs_f64());
    }

    /// How things are now.
    pub(crate) fn show(&self, admission: &Admission) {
        self.waiting.set(admission.waiting_count() as i64);
        self.running.set(admission.running_count() as i64);
        self.limit.set(admission.limit() as i64);
        let rate = admission.rate().map(|rate| rate.milli() as f64 / 1_000.0);
        self.rate.set(rate.unwrap_or(f64::INFINITY));
    }
}

/// Every metric of a slicelet, for the reference page.
#[doc(hidden)]
#[must_use]
pub fn metric_descriptions() -> Vec<MetricDescription> {
    Metrics::new("").registry.descriptions()
}

/// Makes metrics by name, each with the target as a label.
struct Named<'a> {
    registry: &'a MetricRegistry,
    target: &'a str,
}

impl Named<'_> {
    fn opts(&self, name: &str, help: &str) -> Opts {
        Opts::new(name, help).const_label("target", self.target)
    }

    fn counter(&self, name: &str, help: &str) -> IntCounter {
        self.registered(IntCounter::with_opts(self.opts(name, help)))
    }

    fn gauge(&self, name: &str, help: &str) -> IntGauge {
        self.registered(IntGauge::with_opts(self.opts(name, help)))
    }

    fn real_gauge(&self, name: &str, help: &str) -> Gauge {
        self.registered(Gauge::with_opts(self.opts(name, help)))
    }

    fn counters(&self, name: &str, help: &str, label: &str) -> IntCounterVec {
        self.registered(IntCounterVec::new(self.opts(name, help), &[label]))
    }

    fn int_gauges(&self, name: &str, help: &str, label: &str) -> IntGaugeVec {
        self.registered(IntGaugeVec::new(self.opts(name, help), &[label]))
    }

    fn gauges(&self, name: &str, help: &str, label: &str) -> GaugeVec {
        self.registered(GaugeVec::new(self.opts(name, help), &[label]))
    }

    fn histogram(&self, name: &str, help: &str) -> Histogram {
        let buckets = prometheus::exponential_buckets(0.000_25, 2.0, 16).expect("start, factor and count are allowed");
        let opts = HistogramOpts::from(self.opts(name, help)).buckets(buckets);
        self.registered(Histogram::with_opts(opts))
    }

    fn registered<M>(&self, metric: prometheus::Result<M>) -> M
    where
        M: prometheus::core::Collector + Clone + 'static,
    {
        self.registry.registered(metric)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_is_named_after_its_role_and_can_be_registered() {
        let metrics = Metrics::new("profiles");
        let families = metrics.registry.gather();
        assert_eq!(families.len(), 35);
        assert!(
            families
                .iter()
                .all(|family| family.name().starts_with("emberkeep_slicelet_"))
        );
    }
}
