//! The state that the clones of a clerk and its calls share.

use std::sync::{Arc, Mutex, PoisonError};

use emberkeep_core::assignment::Generation;
use emberkeep_core::clerk::RetryBudget;
use emberkeep_core::target::TargetName;
use emberkeep_runtime::clock::Clock;
use emberkeep_runtime::watch::AssignmentWatcher;
use tokio_util::sync::DropGuard;

use crate::directory::Directory;
use crate::metrics::{GaugeSources, Metrics};
use crate::peer::Peer;
use crate::reporter::Reporter;
use crate::retry_wait::WaitLimit;
use crate::settings::ClerkSettings;
use crate::staleness_detector::StalenessDetector;

pub(crate) struct ClerkState {
    pub(crate) target: TargetName,
    pub(crate) directory: Arc<Directory>,
    watcher: Arc<AssignmentWatcher>,
    pub(crate) settings: ClerkSettings,
    pub(crate) metrics: Metrics,
    pub(crate) wait_limit: WaitLimit,
    budget: Arc<Mutex<RetryBudget>>,
    staleness: Mutex<StalenessDetector>,
    /// `None` when only seed pods are configured: they accept no reports.
    reporter: Option<Reporter>,
    clock: Clock,
    _stop_on_drop: DropGuard,
}

impl ClerkState {
    pub(crate) fn new(
        target: TargetName,
        sources: GaugeSources,
        metrics: Metrics,
        watcher: Arc<AssignmentWatcher>,
        reporter: Option<Reporter>,
        settings: ClerkSettings,
        stop_on_drop: DropGuard,
    ) -> Self {
        let GaugeSources {
            directory,
            wait_limit,
            budget,
            clock,
        } = sources;
        Self {
            target,
            directory,
            watcher,
            metrics,
            wait_limit,
            budget,
            staleness: Mutex::default(),
            reporter,
            clock,
            settings,
            _stop_on_drop: stop_on_drop,
        }
    }

    /// Compares the generation of a pod with the clerk's, and changes the source when the clerk's stays behind.
    pub(crate) fn observe_generation(&self, observed: Generation) {
        let mut staleness = self.staleness.lock().unwrap_or_else(PoisonError::into_inner);
        if staleness.observe(observed, self.directory.generation(), self.clock.now()) {
            self.watcher.try_next_source();
        }
    }

    /// Reports an unreachable pod to the assigner. Seeds are not reported: their incarnation is unknown.
    pub(crate) fn report_unreachable(&self, peer: &Peer) {
        let reportable = self.reporter.as_ref().zip(peer.pod());
        if reportable.is_some_and(|(reporter, pod)| reporter.report(pod)) {
            self.metrics.reports.inc();
        }
    }

    /// Takes one retry out of the budget; false when it is used up. Requests that succeed at once never call it.
    pub(crate) fn acquire_retry(&self) -> bool {
        let mut budget = self.budget.lock().unwrap_or_else(PoisonError::into_inner);
        budget.try_withdraw(self.metrics.requests.get(), self.clock.now())
    }
}
