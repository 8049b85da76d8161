//! The scene of a deed: the cluster, the run it is in, and when it is time.

use std::cell::Cell;
use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use super::DeedArgs;
use crate::dev::assignment_log::AssignmentLog;
use crate::dev::cluster::Cluster;
use crate::dev::events::EventKind;
use crate::dev::run::Run;
use crate::dev::schedule::Schedule;
use crate::exit::Failure;

/// How long before the end of a run nothing is begun any more.
const LAST_MOMENTS: Duration = Duration::from_secs(1);

/// What all deeds of a run share. They take turns with the cluster.
pub(in crate::dev) struct Scene<'a> {
    pub(in crate::dev) run: &'a Run,
    pub(in crate::dev) assignment: &'a AssignmentLog,
    pub(in crate::dev) schedule: &'a Schedule,
    pub(in crate::dev) deeds: &'a DeedArgs,
    cluster: Mutex<&'a mut Cluster>,
    /// When the run ends, if that is known.
    ends: Option<Duration>,
    /// The deed that is done once, as long as it is not done: its flag.
    unfinished: Cell<Option<&'static str>>,
}

impl<'a> Scene<'a> {
    pub(in crate::dev) const fn new(
        cluster: &'a mut Cluster,
        run: &'a Run,
        assignment: &'a AssignmentLog,
        schedule: &'a Schedule,
        deeds: &'a DeedArgs,
        ends: Option<Duration>,
    ) -> Self {
        Self {
            run,
            assignment,
            schedule,
            deeds,
            cluster: Mutex::const_new(cluster),
            ends,
            unfinished: Cell::new(None),
        }
    }

    /// The cluster, as soon as no other deed has it.
    pub(in crate::dev) async fn cluster(&self) -> MutexGuard<'_, &'a mut Cluster> {
        self.cluster.lock().await
    }

    /// Waits until the warm-up is over.
    pub(in crate::dev) async fn warmed_up(&self) {
        let warm_up = self.deeds.warm_up(self.ends);
        tokio::time::sleep_until(self.run.instant_of(warm_up)).await;
    }

    /// Notes that this happens now to these. Answers with the event's number.
    pub(super) fn begin(&self, kind: EventKind, struck: &[String]) -> usize {
        let (at, owner_changes) = (self.run.now(), self.assignment.owner_changes());
        let mut tally = self.run.tally();
        tally.events.begin(at, kind, &struck.join(","), owner_changes)
    }

    /// Whether anything would be seen of a deed that takes that long.
    fn has_time_for(&self, lasts: Duration) -> bool {
        self.ends.is_none_or(|end| self.run.now() + lasts + LAST_MOMENTS <= end)
    }

    /// Does a deed that takes that long this often, for as long as anything would be seen of it.
    pub(super) async fn again_and_again(
        &self,
        every: Duration,
        lasts: Duration,
        mut deed: impl AsyncFnMut() -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut ticks = ticks(every);
        loop {
            ticks.tick().await;
            if self.has_time_for(lasts) {
                deed().await?;
            }
        }
    }

    /// A deed that is done once, by its flag, is begun.
    pub(super) fn started(&self, flag: &'static str) {
        self.unfinished.set(Some(flag));
    }

    /// The deed that is done once is done.
    pub(super) fn finished(&self) {
        self.unfinished.set(None);
    }

    /// The complaint, if the run has ended before a deed that is done once.
    pub(in crate::dev) fn check_finished(&self) -> Result<(), Failure> {
        match self.unfinished.get() {
            None => Ok(()),
            Some(flag) => {
                let lasted = self.run.now().as_secs_f64();
                Err(Failure::failed(format!(
                    "the requests ended after {lasted:.1} s, before {flag} was done: give --for more time"
                )))
            }
        }
    }
}

/// The first tick comes after one period.
pub(in crate::dev) fn ticks(period: Duration) -> Interval {
    let mut interval = interval_at(Instant::now() + period, period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}
