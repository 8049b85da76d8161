//! The metrics of a member.

mod handoffs;

use std::time::Duration;

use emberkeep_core::assigner::{Alarm, Applied, ProbeOutcome, TargetState};
use emberkeep_core::balancer::Report;
use emberkeep_core::load::LoadReport;
use emberkeep_core::pod::PodName;
use emberkeep_core::target::TargetName;
use emberkeep_runtime::metric_registry::{MetricDescription, MetricRegistry};
use prometheus::{GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

use self::handoffs::HandoffMetrics;

/// What a member counts. Copies count together.
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
    refused: IntCounterVec,
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
            generation: gauge("generation", "The newest generation applied."),
            pods: gauge("pods", "Pods registered."),
            slices: gauge("slices", "Slices in the assignment."),
            poisoned: gauge(
                "poisoned_ranges",
                "Parts of the key space whose owners crash one after the other: alert if above 0.",
            ),
            mass_failure: gauge(
                "mass_failure",
                "1 while so many pods have fallen at once that it may be the network: alert if above 0.",
            ),
            held_back: gauge(
                "held_back_pods",
                "Pods that get no slices for a while because they die again and again.",
            ),
            decisions: counter("decisions_total", "Decisions that changed the assignment.", &["target"]),
            moves: counter(
                "moves_total",
                "Slices that got a new owner, by cause.",
                &["target", "cause"],
            ),
            proposals: counter(
                "proposals_total",
                "Changes proposed, by outcome.",
                &["target", "outcome"],
            ),
            probes: counter(
                "probes_total",
                "Probes of suspected pods, by outcome.",
                &["target", "outcome"],
            ),
            refused: counter(
                "refused_messages_total",
                "Messages of slicelets that break a rule.",
                &["target"],
            ),
            pod_reports: counter(
                "pod_reports_total",
                "Reports of clerks that could not reach a pod, by what came of them.",
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

    pub(crate) fn leads(&self, is_leader: bool) {
        self.is_leader.set(is_leader.into());
        // Only the leader knows what to be alerted on, and a new one finds out by itself.
        self.mass_failure.reset();
        self.held_back.reset();
    }

    pub(crate) fn alerted(&self, target: &TargetName, alarm: Alarm) {
        let labels = &[target.as_str()];
        let held_back = i64::try_from(alarm.held_back_count).unwrap_or(i64::MAX);
        self.mass_failure
            .with_label_values(labels)
            .set(alarm.is_mass_failure.into());
        self.held_back.with_label_values(labels).set(held_back);
    }

    pub(crate) fn reported(&self, outcome: &'static str) {
        self.pod_reports.with_label_values(&[outcome]).inc();
    }

    pub(crate) fn session_opened(&self) {
        self.sessions.inc();
    }

    pub(crate) fn session_closed(&self) {
        self.sessions.dec();
    }

    pub(crate) fn applied(&self, target: &TargetName, state: &TargetState) {
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
        self.handoffs.applied(target, &state.assignment);
    }

    pub(crate) fn decided(&self, target: &TargetName, report: &Report) {
        self.decisions.with_label_values(&[target.as_str()]).inc();
        self.handoffs.decided(target, report);
        for moved in &report.moves {
            let cause = moved.cause.as_str();
            self.moves.with_label_values(&[target.as_str(), cause]).inc();
        }
    }

    pub(crate) fn proposed(&self, target: &TargetName, outcome: Option<&Applied>) {
        let outcome = match outcome {
            Some(Applied::Done) => "done",
            Some(Applied::Unchanged) => "unchanged",
            Some(Applied::Rejected(_)) => "rejected",
            None => "failed",
        };
        self.proposals.with_label_values(&[target.as_str(), outcome]).inc();
    }

    pub(crate) fn probed(&self, target: &TargetName, outcome: ProbeOutcome) {
        let outcome = match outcome {
            ProbeOutcome::Answered => "answered",
            ProbeOutcome::Refused => "refused",
            ProbeOutcome::Silent => "silent",
        };
        self.probes.with_label_values(&[target.as_str(), outcome]).inc();
    }

    pub(crate) fn refused(&self, target: &TargetName) {
        self.refused.with_label_values(&[target.as_str()]).inc();
    }

    pub(crate) fn load_reported(&self, target: &TargetName, pod: &PodName, report: &LoadReport) {
        let units = report.total().milli() as f64 / 1_000.0;
        self.pod_load
            .with_label_values(&[target.as_str(), pod.as_str()])
            .set(units);
    }

    /// Forgets the load of a pod that is no longer connected.
    pub(crate) fn pod_left(&self, target: &TargetName, pod: &PodName) {
        // There is nothing to forget of a pod that never reported.
        let _ = self.pod_load.remove_label_values(&[target.as_str(), pod.as_str()]);
    }

    pub(crate) fn propagated(&self, target: &TargetName, after: Duration) {
        self.propagation
            .with_label_values(&[target.as_str()])
            .observe(after.as_secs_f64());
    }
}

const POD_LOAD_HELP: &str = "Load that a pod last reported, in units a second.";

fn propagation_opts() -> HistogramOpts {
    HistogramOpts::new(
        "emberkeep_assigner_propagation_seconds",
        "Time from applying an assignment until a slicelet says that it has applied it.",
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
