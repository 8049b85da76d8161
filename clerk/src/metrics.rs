//! The metrics of a clerk. Metric names appear in this file only.

use std::sync::{Arc, Mutex, PoisonError};

use emberkeep_core::clerk::RetryBudget;
use emberkeep_core::pod::PodAddress;
use emberkeep_runtime::clock::Clock;
use emberkeep_runtime::labelled_registry::LabelledRegistry;
use emberkeep_runtime::metric_registry::{MetricDescription, MetricRegistry};
use emberkeep_runtime::watch::WatchMetrics;
use prometheus::{Histogram, IntCounter, IntCounterVec};

use crate::directory::Directory;
use crate::failure_kind::FailureKind;
use crate::retry_wait::WaitLimit;
use crate::settings::ClerkSettings;
use crate::stats::{ClerkStats, FailedByKind};

/// The metrics of one clerk. Clones share the counters.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    pub(crate) registry: MetricRegistry,
    pub(crate) requests: IntCounter,
    pub(crate) retries: IntCounter,
    pub(crate) misroutes: IntCounter,
    pub(crate) reports: IntCounter,
    pub(crate) request_seconds: Histogram,
    pub(crate) watch: WatchMetrics,
    failures: IntCounterVec,
}

/// What the gauges of a clerk are computed from when they are collected. Clones share it.
#[derive(Clone)]
pub(crate) struct GaugeSources {
    pub(crate) directory: Arc<Directory>,
    pub(crate) wait_limit: WaitLimit,
    pub(crate) budget: Arc<Mutex<RetryBudget>>,
    pub(crate) clock: Clock,
}

impl GaugeSources {
    pub(crate) fn new(seeds: &[PodAddress], zone: Option<Arc<str>>, settings: &ClerkSettings) -> Self {
        let clock = Clock::start();
        Self {
            directory: Arc::new(Directory::new(seeds, zone, settings.channel.clone())),
            wait_limit: WaitLimit::new(settings.waiting_max),
            budget: Arc::new(Mutex::new(RetryBudget::new(settings.retries, clock.now()))),
            clock,
        }
    }

    fn register(self, labelled: &LabelledRegistry<'_>, requests: IntCounter) {
        let Self {
            directory,
            wait_limit,
            budget,
            clock,
        } = self;
        labelled.computed_gauge(
            "emberkeep_clerk_generation",
            "Generation of the assignment in use for routing",
            move || directory.generation().number() as f64,
        );
        labelled.computed_gauge(
            "emberkeep_clerk_waiting_requests",
            "Requests that wait for a pod",
            move || wait_limit.waiting_count() as f64,
        );
        labelled.computed_gauge(
            "emberkeep_clerk_retry_budget_ratio",
            "Share of the retry budget that is left",
            move || {
                let budget = budget.lock().unwrap_or_else(PoisonError::into_inner);
                f64::from(budget.left_thousandths(requests.get(), clock.now())) / 1_000.0
            },
        );
    }
}

impl Metrics {
    /// The metrics of the clerk of that name, for that target.
    pub(crate) fn new(target: &str, clerk: &str, sources: GaugeSources) -> Self {
        let registry = MetricRegistry::default();
        let labelled = LabelledRegistry {
            registry: &registry,
            labels: &[("target", target), ("clerk", clerk)],
        };
        let counter = |name, help| labelled.counter(name, help);
        let failures = labelled.counters(
            "emberkeep_clerk_failures_total",
            "Requests that failed without an answer of a pod, by reason",
            "reason",
        );
        for kind in FailureKind::ALL {
            failures.with_label_values(&[kind.label()]);
        }
        let watch = WatchMetrics::new(
            labelled.age_gauge(
                "emberkeep_clerk_assignment_age_seconds",
                "Time since a source last confirmed the assignment in use; 0 while a watch is established",
            ),
            labelled.counters(
                "emberkeep_clerk_watch_failures_total",
                "Watches of the assignment that ended, by reason",
                "reason",
            ),
        );
        let requests = counter(
            "emberkeep_clerk_requests_total",
            "Requests started, whatever their result",
        );
        sources.register(&labelled, requests.clone());
        Self {
            requests,
            retries: counter(
                "emberkeep_clerk_retries_total",
                "Attempts after the first one of a request",
            ),
            misroutes: counter(
                "emberkeep_clerk_misroutes_total",
                "Answers of pods that did not own the key, whether they rejected or forwarded the request",
            ),
            reports: counter(
                "emberkeep_clerk_reports_total",
                "Reports of unreachable pods to the assigner",
            ),
            request_seconds: labelled.histogram(
                "emberkeep_clerk_request_seconds",
                "Time from the start of a request to the headers of its answer, or to its failure",
            ),
            watch,
            failures,
            registry,
        }
    }

    pub(crate) fn record_failure(&self, kind: FailureKind) {
        self.failures.with_label_values(&[kind.label()]).inc();
    }

    pub(crate) fn read(&self, waiting: usize) -> ClerkStats {
        let failed = |kind: FailureKind| self.failures.with_label_values(&[kind.label()]).get();
        ClerkStats {
            requests: self.requests.get(),
            retried: self.retries.get(),
            misrouted: self.misroutes.get(),
            reported: self.reports.get(),
            waiting: waiting as u64,
            failed: FailedByKind {
                refused: failed(FailureKind::Rejected),
                no_owner: failed(FailureKind::NoOwner),
                too_many_waiting: failed(FailureKind::TooManyWaiting),
                unreachable: failed(FailureKind::Unreachable),
                broken: failed(FailureKind::Broken),
                deadline_exceeded: failed(FailureKind::DeadlineExceeded),
            },
        }
    }
}

/// Every metric of a clerk, for the reference page.
#[doc(hidden)]
#[must_use]
pub fn metric_descriptions() -> Vec<MetricDescription> {
    let sources = GaugeSources::new(&[], None, &ClerkSettings::default());
    Metrics::new("", "", sources).registry.descriptions()
}
