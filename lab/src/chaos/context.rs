//! The context shared by all disruptions of a run.

use std::cell::Cell;
use std::time::Duration;

use emberkeep_clerk::ClerkSettings;
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use crate::LabError;
use crate::cluster::{AssignmentObserver, ProcessCluster};
use crate::load::{LoadRun, Schedule};
use crate::monitoring::RunMonitoring;
use crate::report::EventKind;

/// The period before the end of a run in which no disruption is injected.
const LAST_MOMENTS: Duration = Duration::from_secs(1);

/// The cluster behind a lock, the run, and its end.
pub(crate) struct ChaosContext<'a> {
    pub(super) run: &'a LoadRun,
    pub(super) assignment: &'a AssignmentObserver,
    pub(super) schedule: &'a Schedule,
    /// The waiting and retry settings of new clients.
    pub(super) clerk: ClerkSettings,
    cluster: Mutex<&'a mut ProcessCluster>,
    monitoring: Option<&'a RunMonitoring>,
    /// The end of the run, if it is known.
    ends: Option<Duration>,
    /// The flag of a one-time disruption that has begun and is not finished.
    unfinished: Cell<Option<&'static str>>,
}

impl<'a> ChaosContext<'a> {
    pub(crate) const fn new(
        cluster: &'a mut ProcessCluster,
        run: &'a LoadRun,
        assignment: &'a AssignmentObserver,
        schedule: &'a Schedule,
        clerk: ClerkSettings,
        ends: Option<Duration>,
    ) -> Self {
        Self {
            run,
            assignment,
            schedule,
            clerk,
            cluster: Mutex::const_new(cluster),
            monitoring: None,
            ends,
            unfinished: Cell::new(None),
        }
    }

    /// The monitoring follows the processes of the cluster.
    pub(crate) const fn monitored_by(mut self, monitoring: &'a RunMonitoring) -> Self {
        self.monitoring = Some(monitoring);
        self
    }

    /// Fails when a process has ended unexpectedly.
    pub(super) async fn check_processes(&self) -> Result<(), LabError> {
        let mut cluster = self.cluster().await;
        if let Some(failure) = cluster.take_failure() {
            return Err(failure);
        }
        match self.monitoring {
            Some(monitoring) => monitoring.follow(|| cluster.scrape_targets()),
            None => Ok(()),
        }
    }

    /// The cluster, as soon as no other disruption holds it.
    pub(super) async fn cluster(&self) -> MutexGuard<'_, &'a mut ProcessCluster> {
        self.cluster.lock().await
    }

    /// Waits until the warm-up is over.
    pub(super) async fn warmed_up(&self, warm_up: Duration) {
        tokio::time::sleep_until(self.run.instant_of(warm_up)).await;
    }

    pub(super) const fn ends(&self) -> Option<Duration> {
        self.ends
    }

    /// Records an event that affects these pods, members or this key now. Returns the event's index.
    pub(super) fn record(&self, kind: EventKind, subjects: &[String]) -> usize {
        let (at, owner_changes) = (self.run.now(), self.assignment.owner_changes());
        let subjects = subjects.join(",");
        tracing::info!(?kind, subjects, "disruption injected");
        let mut tally = self.run.tally();
        tally.events.record(at, kind, &subjects, owner_changes)
    }

    /// Whether the impact of a disruption of that duration can be observed before the run ends.
    pub(super) fn has_time_for(&self, lasts: Duration) -> bool {
        self.ends.is_none_or(|end| self.run.now() + lasts + LAST_MOMENTS <= end)
    }

    /// Records the start of a one-time disruption, by its flag.
    pub(super) fn record_started(&self, flag: &'static str) {
        self.unfinished.set(Some(flag));
    }

    /// Records the end of the one-time disruption.
    pub(super) fn record_finished(&self) {
        if let Some(flag) = self.unfinished.take() {
            tracing::info!(flag, "disruption finished");
        }
    }

    /// Fails if the run has ended before a one-time disruption was finished.
    pub(super) fn check_finished(&self) -> Result<(), LabError> {
        match self.unfinished.get() {
            None => Ok(()),
            Some(flag) => {
                let lasted = self.run.now().as_secs_f64();
                Err(LabError::failed(format!(
                    "the requests ended after {lasted:.1} s, before {flag} was done: give --for more time"
                )))
            }
        }
    }
}

/// Ticks of this period, the first after one period.
pub(super) fn ticks(period: Duration) -> Interval {
    let mut interval = interval_at(Instant::now() + period, period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}
