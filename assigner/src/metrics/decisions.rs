//! The metrics of decisions and of the moves that they make.

use emberkeep_core::balancer::{DecisionReport, MoveCause};
use emberkeep_core::target::TargetName;
use emberkeep_runtime::metric_registry::MetricRegistry;
use prometheus::{CounterVec, Histogram, HistogramOpts, HistogramVec, IntCounterVec, Opts};

/// The metrics of decisions. Clones share them.
#[derive(Debug, Clone)]
pub(super) struct DecisionMetrics {
    step_seconds: HistogramVec,
    decisions: IntCounterVec,
    considered_moves: IntCounterVec,
    moves: IntCounterVec,
    moved_load: CounterVec,
    splits: IntCounterVec,
    merges: IntCounterVec,
}

/// The outcomes of a decision, as label values.
const CHANGED: &str = "changed";
const UNCHANGED: &str = "unchanged";

/// From 10 us, doubling to 0.33 s, and 1 s.
fn step_opts() -> HistogramOpts {
    let doubling = prometheus::exponential_buckets(0.000_01, 2.0, 16).expect("start, factor and count are valid");
    let buckets = doubling.into_iter().chain([1.0]).collect();
    HistogramOpts::new(
        "emberkeep_assigner_step_seconds",
        "Time that the brain takes for one event; the longest ones contain a decision.",
    )
    .buckets(buckets)
}

impl DecisionMetrics {
    pub(super) fn new(registry: &MetricRegistry) -> Self {
        let opts = |name: &str, help: &str| Opts::new(format!("emberkeep_assigner_{name}"), help);
        let counter = |name, help, labels: &[&str]| registry.registered(IntCounterVec::new(opts(name, help), labels));
        let moved_load = opts(
            "moved_load_units_total",
            "Load of the slices that were assigned to a new owner, by cause, in units a second.",
        );
        Self {
            step_seconds: registry.registered(HistogramVec::new(step_opts(), &["target"])),
            decisions: counter(
                "decisions_total",
                "Decisions, by outcome: changed or unchanged assignment.",
                &["target", "outcome"],
            ),
            considered_moves: counter(
                "considered_moves_total",
                "Moves for balance that decisions tried.",
                &["target"],
            ),
            moves: counter(
                "moves_total",
                "Slices assigned to a new owner, by cause.",
                &["target", "cause"],
            ),
            moved_load: registry.registered(CounterVec::new(moved_load, &["target", "cause"])),
            splits: counter("splits_total", "Slices added by splits.", &["target"]),
            merges: counter("merges_total", "Slices removed by merges.", &["target"]),
        }
    }

    /// Creates the series of a target, so that a rate over them sees the first event.
    pub(super) fn create_series(&self, target: &TargetName) {
        let target = target.as_str();
        for cause in MoveCause::ALL {
            self.moves.with_label_values(&[target, cause.as_str()]);
            self.moved_load.with_label_values(&[target, cause.as_str()]);
        }
        for outcome in [CHANGED, UNCHANGED] {
            self.decisions.with_label_values(&[target, outcome]);
        }
        for counter in [&self.considered_moves, &self.splits, &self.merges] {
            counter.with_label_values(&[target]);
        }
    }

    /// The histogram of the steps of a target's brain.
    pub(super) fn step_seconds(&self, target: &TargetName) -> Histogram {
        self.step_seconds.with_label_values(&[target.as_str()])
    }

    /// Records a decision that changed the assignment.
    pub(super) fn record_change(&self, target: &TargetName, report: &DecisionReport) {
        self.record(target, CHANGED, report);
        let target = target.as_str();
        for moved in &report.moves {
            let labels = &[target, moved.cause.as_str()];
            self.moves.with_label_values(labels).inc();
            let units = moved.load.milli() as f64 / 1_000.0;
            self.moved_load.with_label_values(labels).inc_by(units);
        }
        self.splits
            .with_label_values(&[target])
            .inc_by(report.split_count as u64);
        self.merges
            .with_label_values(&[target])
            .inc_by(report.merge_count as u64);
    }

    /// Records a decision that left the assignment as it is.
    pub(super) fn record_idle(&self, target: &TargetName, report: &DecisionReport) {
        self.record(target, UNCHANGED, report);
    }

    fn record(&self, target: &TargetName, outcome: &str, report: &DecisionReport) {
        let target = target.as_str();
        self.decisions.with_label_values(&[target, outcome]).inc();
        let considered = report.search.candidates as u64;
        self.considered_moves.with_label_values(&[target]).inc_by(considered);
    }
}
