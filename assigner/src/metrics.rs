//! The metrics of a member.

mod handoffs;

use std::time::Duration;

use emberkeep_core::assigner::{Alarm, Applied, ProbeOutcome, TargetState};
use emberkeep_core::balancer::DecisionReport;
use emberkeep_core::load::LoadReport;
use emberkeep_core::pod::PodName;
use emberkeep_core::target::TargetName;
use emberkeep_runtime::metric_registry::{MetricDescription, MetricRegistry};
use prometheus::{GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

use self::handoffs::HandoffMetrics;

/// The metrics of a member. Clones share the counters.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    registry: MetricRegistry,
    is_leader: IntGauge,
    sessions: IntGauge,
    generation: IntGaugeVec,
    pods: IntGaugeVec,
    slices: IntGaugeVec,
    handoffs: HandoffMetrics,
    poisoned: IntGaugeVec,
    mass_failure: IntGaugeVec,
    held_back: IntGaugeVec,
    decisions: IntCounterVec,
    moves: IntCounterVec,
    proposals: IntCounterVec,
    probes: IntCounterVec,
    rejected_messages: IntCounterVec,
    pod_reports: IntCounterVec,
    pod_load: GaugeVec,
    propagation: HistogramVec,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let registry = MetricRegistry::default();
        let opts = |name: &str, help: &str| Opts::new(format!("emberkeep_assigner_{name}"), help);
        let counter = |name, help, labels: &[&str]| registry.registered(IntCounterVec::new(opts(name, help), labels));
        let gauge = |name, help| registry.registered(IntGaugeVec::new(opts(name, help), &["target"]));
        let plain = |name, help| registry.registered(IntGauge::with_opts(opts(name, help)));
        Self {
            is_leader: plain("is_leader", "1 while this member leads."),
            sessions: plain("sessions", "Slicelets connected to this member."),
            generation: gauge("generation", "Newest applied generation of the target."),
            pods: gauge("pods", "Registered pods."),
            slices: gauge("slices", "Slices in the assignment."),
            poisoned: gauge(
                "poisoned_ranges",
                "Poisoned key ranges, whose owners crashed one after the other: alert if above 0.",
            ),
            mass_failure: gauge(
                "mass_failure",
                "1 while the mass failure guard is active, since many pods failed at once: alert if above 0.",
            ),
            held_back: gauge(
                "held_back_pods",
                "Pods held back from owning slices because they died repeatedly.",
            ),
            decisions: counter("decisions_total", "Decisions that changed the assignment.", &["target"]),
            moves: counter(
                "moves_total",
                "Slices assigned to a new owner, by cause.",
                &["target", "cause"],
            ),
            proposals: counter(
                "proposals_total",
                "Changes proposed, by outcome.",
                &["target", "outcome"],
            ),
            probes: counter(
                "probes_total",
                "Probes of suspect pods, by outcome.",
                &["target", "outcome"],
            ),
            rejected_messages: counter(
                "refused_messages_total",
                "Rejected messages of slicelets that violated a rule.",
                &["target"],
            ),
            pod_reports: counter(
                "pod_reports_total",
                "Reports of clerks about unreachable pods, by outcome.",
                &["outcome"],
            ),
            pod_load: registry.registered(GaugeVec::new(opts("pod_load_units", POD_LOAD_HELP), &["target", "pod"])),
            propagation: registry.registered(HistogramVec::new(propagation_opts(), &["target"])),
            handoffs: HandoffMetrics::new(&registry),
            registry,
        }
    }

    pub(crate) fn registry(&self) -> Registry {
        (*self.registry).clone()
    }

    pub(crate) fn record_leadership(&self, is_leader: bool) {
        self.is_leader.set(is_leader.into());
        // Alarms are known to the leader only; a new leader sets them again.
        self.mass_failure.reset();
        self.held_back.reset();
    }

    pub(crate) fn record_alarm(&self, target: &TargetName, alarm: Alarm) {
        let labels = &[target.as_str()];
        let held_back = i64::try_from(alarm.held_back_count).unwrap_or(i64::MAX);
        self.mass_failure
            .with_label_values(labels)
            .set(alarm.is_mass_failure.into());
        self.held_back.with_label_values(labels).set(held_back);
    }

    pub(crate) fn record_pod_report(&self, outcome: &'static str) {
        self.pod_reports.with_label_values(&[outcome]).inc();
    }

    pub(crate) fn on_session_opened(&self) {
        self.sessions.inc();
    }

    pub(crate) fn on_session_closed(&self) {
        self.sessions.dec();
    }

    pub(crate) fn record_applied(&self, target: &TargetName, state: &TargetState) {
        let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let labels = &[target.as_str()];
        self.generation
            .with_label_values(labels)
            .set(state.assignment.generation().number());
        self.pods.with_label_values(labels).set(count(state.pods.len()));
        self.slices
            .with_label_values(labels)
            .set(count(state.assignment.slices().slice_count()));
        self.poisoned.with_label_values(labels).set(count(state.poisoned.len()));
        self.handoffs.record_applied(target, &state.assignment);
    }

    pub(crate) fn record_decision(&self, target: &TargetName, report: &DecisionReport) {
        self.decisions.with_label_values(&[target.as_str()]).inc();
        self.handoffs.record_decision(target, report);
        for moved in &report.moves {
            let cause = moved.cause.as_str();
            self.moves.with_label_values(&[target.as_str(), cause]).inc();
        }
    }

    pub(crate) fn record_proposal(&self, target: &TargetName, outcome: Option<&Applied>) {
        let outcome = match outcome {
            Some(Applied::Done) => "done",
            Some(Applied::Unchanged) => "unchanged",
            Some(Applied::Rejected(_)) => "rejected",
            None => "failed",
        };
        self.proposals.with_label_values(&[target.as_str(), outcome]).inc();
    }

    pub(crate) fn record_probe(&self, target: &TargetName, outcome: ProbeOutcome) {
        let outcome = match outcome {
            ProbeOutcome::Answered => "answered",
            ProbeOutcome::Refused => "refused",
            ProbeOutcome::Silent => "silent",
        };
        self.probes.with_label_values(&[target.as_str(), outcome]).inc();
    }

    pub(crate) fn record_rejected_message(&self, target: &TargetName) {
        self.rejected_messages.with_label_values(&[target.as_str()]).inc();
    }

    pub(crate) fn record_load_report(&self, target: &TargetName, pod: &PodName, report: &LoadReport) {
        let units = report.total().milli() as f64 / 1_000.0;
        self.pod_load
            .with_label_values(&[target.as_str(), pod.as_str()])
            .set(units);
    }

    /// Removes the load of a disconnected pod.
    pub(crate) fn on_pod_left(&self, target: &TargetName, pod: &PodName) {
        // Fails only for a pod that never reported.
        let _ = self.pod_load.remove_label_values(&[target.as_str(), pod.as_str()]);
    }

    pub(crate) fn record_propagation(&self, target: &TargetName, after: Duration) {
        self.propagation
            .with_label_values(&[target.as_str()])
            .observe(after.as_secs_f64());
    }
}

const POD_LOAD_HELP: &str = "Load of a pod by its last report, in units a second.";

fn propagation_opts() -> HistogramOpts {
    HistogramOpts::new(
        "emberkeep_assigner_propagation_seconds",
        "Time from publishing an assignment to the heartbeat of a slicelet that has applied it.",
    )
    .buckets(vec![
        0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0,
    ])
}

/// Every metric of a member, for the reference page.
#[doc(hidden)]
#[must_use]
pub fn metric_descriptions() -> Vec<MetricDescription> {
    Metrics::new().registry.descriptions()
}
