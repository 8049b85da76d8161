//! The metrics of a member, one file per subject. Metric names appear in this folder only.

mod crashes;
mod decisions;
mod handoffs;
mod load;
mod pod_gauges;
mod raft;
mod state;

use std::sync::Arc;
use std::time::Duration;

use emberkeep_core::assigner::{Alarm, Applied, LoadSummary, ProbeOutcome, TargetState};
use emberkeep_core::balancer::DecisionReport;
use emberkeep_core::load::LoadReport;
use emberkeep_core::pod::PodName;
use emberkeep_core::target::TargetName;
use emberkeep_runtime::metric_registry::{MetricDescription, MetricRegistry};
use prometheus::{Histogram, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

use self::crashes::CrashMetrics;
use self::decisions::DecisionMetrics;
use self::handoffs::HandoffMetrics;
use self::load::LoadMetrics;
use self::raft::RaftMetrics;
use self::state::StateMetrics;
use crate::raft::{RaftMeters, RaftProgress};

/// The metrics of a member. Clones share the counters.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    registry: MetricRegistry,
    is_leader: IntGauge,
    sessions: IntGauge,
    watchers: IntGaugeVec,
    state: StateMetrics,
    handoffs: HandoffMetrics,
    crashes: CrashMetrics,
    decisions: DecisionMetrics,
    load: LoadMetrics,
    raft: RaftMetrics,
    mass_failure: IntGaugeVec,
    held_back: IntGaugeVec,
    proposals: IntCounterVec,
    probes: IntCounterVec,
    rejected_messages: IntCounterVec,
    pod_reports: IntCounterVec,
    propagation: HistogramVec,
    distribution: HistogramVec,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let registry = MetricRegistry::default();
        let opts = |name: &str, help: &str| Opts::new(format!("emberkeep_assigner_{name}"), help);
        let counter = |name, help, labels: &[&str]| registry.registered(IntCounterVec::new(opts(name, help), labels));
        let gauge = |name, help| registry.registered(IntGaugeVec::new(opts(name, help), &["target"]));
        let plain = |name, help| registry.registered(IntGauge::with_opts(opts(name, help)));
        let delay = |name, help| registry.registered(HistogramVec::new(delay_opts(opts(name, help)), &["target"]));
        Self {
            is_leader: plain("is_leader", "1 while this member leads."),
            sessions: plain("sessions", "Slicelets connected to this member."),
            watchers: gauge("watchers", "Watches of the assignment that are open at this member."),
            mass_failure: gauge(
                "mass_failure",
                "1 while the mass failure guard is active, since many pods failed at once: alert if above 0.",
            ),
            held_back: gauge(
                "held_back_pods",
                "Pods held back from owning slices because they died repeatedly.",
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
            propagation: delay(
                "propagation_seconds",
                "Time from publishing an assignment to the heartbeat of a slicelet that has applied it.",
            ),
            distribution: delay(
                "distribution_seconds",
                "Time from publishing an assignment until all connected slicelets have applied it.",
            ),
            state: StateMetrics::new(&registry),
            handoffs: HandoffMetrics::new(&registry),
            crashes: CrashMetrics::new(&registry),
            decisions: DecisionMetrics::new(&registry),
            load: LoadMetrics::new(&registry),
            raft: RaftMetrics::new(&registry),
            registry,
        }
    }

    pub(crate) fn registry(&self) -> Registry {
        (*self.registry).clone()
    }

    /// The meters that Raft updates itself.
    pub(crate) const fn raft_meters(&self) -> &RaftMeters {
        &self.raft.meters
    }

    /// The gauge of the open watches of a target.
    pub(crate) fn watchers(&self) -> impl Fn(&TargetName) -> IntGauge + Send + Sync + use<> {
        let watchers = self.watchers.clone();
        move |target| watchers.with_label_values(&[target.as_str()])
    }

    /// The histogram of the steps of a target's brain.
    pub(crate) fn step_seconds(&self, target: &TargetName) -> Histogram {
        self.decisions.step_seconds(target)
    }

    /// Removes what only a leader knows: a new leader sets it again.
    pub(crate) fn record_leadership(&self, is_leader: bool) {
        self.is_leader.set(is_leader.into());
        self.mass_failure.reset();
        self.held_back.reset();
        self.load.on_term_ended();
        self.crashes.on_term_ended();
    }

    /// Creates the series of a target whose brain starts here, so that a rate over them sees the first event.
    pub(crate) fn on_brain_started(&self, target: &TargetName) {
        self.record_alarm(target, Alarm::default());
        self.decisions.create_series(target);
        self.handoffs.create_series(target);
        self.crashes.create_series(target);
        for histogram in [&self.propagation, &self.distribution] {
            histogram.with_label_values(&[target.as_str()]);
        }
        self.rejected_messages.with_label_values(&[target.as_str()]);
        for outcome in PROPOSAL_OUTCOMES {
            self.proposals.with_label_values(&[target.as_str(), outcome]);
        }
        for outcome in [ProbeOutcome::Answered, ProbeOutcome::Refused, ProbeOutcome::Silent] {
            self.probes.with_label_values(&[target.as_str(), probe_label(outcome)]);
        }
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

    /// A message of a pod arrived.
    pub(crate) fn on_message(&self, target: &TargetName, pod: &PodName) {
        self.crashes.on_message(target, pod);
    }

    pub(crate) fn record_applied(&self, target: &TargetName, state: &Arc<TargetState>) {
        self.state.record_applied(target, state);
        self.handoffs.record_applied(target, &state.assignment);
        self.crashes.record_applied(target, state);
    }

    pub(crate) fn record_decision(&self, target: &TargetName, report: &DecisionReport) {
        self.decisions.record_change(target, report);
        self.handoffs.record_decision(target, report);
    }

    pub(crate) fn record_idle_decision(&self, target: &TargetName, report: &DecisionReport) {
        self.decisions.record_idle(target, report);
    }

    pub(crate) fn record_load_summary(&self, target: &TargetName, summary: &LoadSummary) {
        self.load.record_summary(target, summary);
    }

    pub(crate) fn record_raft_progress(&self, progress: &RaftProgress) {
        self.raft.record_progress(progress);
    }

    pub(crate) fn record_raft_data_bytes(&self, bytes: u64) {
        self.raft.record_data_bytes(bytes);
    }

    pub(crate) fn record_proposal(&self, target: &TargetName, outcome: Option<&Applied>) {
        let [done, unchanged, rejected, failed] = PROPOSAL_OUTCOMES;
        let outcome = match outcome {
            Some(Applied::Done) => done,
            Some(Applied::Unchanged) => unchanged,
            Some(Applied::Rejected(_)) => rejected,
            None => failed,
        };
        self.proposals.with_label_values(&[target.as_str(), outcome]).inc();
    }

    pub(crate) fn record_probe(&self, target: &TargetName, outcome: ProbeOutcome) {
        let labels = &[target.as_str(), probe_label(outcome)];
        self.probes.with_label_values(labels).inc();
    }

    pub(crate) fn record_rejected_message(&self, target: &TargetName) {
        self.rejected_messages.with_label_values(&[target.as_str()]).inc();
    }

    pub(crate) fn record_load_report(&self, target: &TargetName, pod: &PodName, report: &LoadReport) {
        self.load.record_report(target, pod, report);
    }

    /// Removes the load of a disconnected pod.
    pub(crate) fn on_pod_left(&self, target: &TargetName, pod: &PodName) {
        self.load.on_pod_left(target, pod);
    }

    pub(crate) fn record_propagation(&self, target: &TargetName, after: Duration) {
        let labels = &[target.as_str()];
        self.propagation.with_label_values(labels).observe(after.as_secs_f64());
    }

    pub(crate) fn record_distribution(&self, target: &TargetName, after: Duration) {
        let labels = &[target.as_str()];
        self.distribution.with_label_values(labels).observe(after.as_secs_f64());
    }
}

/// The label values of the outcomes of proposals; a failed one may still be applied later.
const PROPOSAL_OUTCOMES: [&str; 4] = ["done", "unchanged", "rejected", "failed"];

const fn probe_label(outcome: ProbeOutcome) -> &'static str {
    match outcome {
        ProbeOutcome::Answered => "answered",
        ProbeOutcome::Refused => "refused",
        ProbeOutcome::Silent => "silent",
    }
}

/// From 1 ms to 5 s: the way of an assignment to the slicelets and back.
fn delay_opts(opts: Opts) -> HistogramOpts {
    HistogramOpts::from(opts).buckets(vec![
        0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0,
    ])
}

/// Every metric of a member, for the reference page.
#[doc(hidden)]
#[must_use]
pub fn metric_descriptions() -> Vec<MetricDescription> {
    Metrics::new().registry.descriptions()
}
