//! Access to the object store: `emberkeep_core::slicelet::admission` decides which requests are admitted and when; this
//! module suspends a request until it is admitted or refused.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use emberkeep_core::brain::Stepper;
use emberkeep_core::rate::Rate;
use emberkeep_core::slicelet::admission::{
    Admission, AdmissionAction, AdmissionEvent, AdmissionSettings, StoreOutcome, Ticket, Urgency,
};
use emberkeep_core::time::Timestamp;
use emberkeep_runtime::clock::Clock;
use emberkeep_runtime::tasks::Tasks;
use tokio::sync::{Notify, oneshot};
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;
use crate::overloaded::Overloaded;

/// Admits requests to the object store. Clones share one admission.
#[derive(Debug, Clone)]
pub(crate) struct StoreAccess {
    shared: Arc<Shared>,
}

/// Permission for one request to the store. Dropped, it counts as served.
#[derive(Debug)]
pub(crate) struct Permit {
    slot: Slot,
}

#[derive(Debug)]
struct Shared {
    clock: Clock,
    metrics: Metrics,
    driver: Mutex<AdmissionDriver>,
    /// Notified when the next wake-up becomes earlier.
    sooner: Notify,
}

/// The brain, and the senders of its answers.
#[derive(Debug)]
struct AdmissionDriver {
    stepper: Stepper<Admission>,
    waiting: BTreeMap<Ticket, oneshot::Sender<AdmissionResult>>,
    last_ticket: u64,
    /// Whether the task that wakes the brain has ended, so that waiting requests would wait forever.
    is_closed: bool,
}

type AdmissionResult = Result<(), Overloaded>;

/// A request that waits in line or runs. Dropped, it reports its end to the brain.
#[derive(Debug)]
struct Slot {
    shared: Arc<Shared>,
    at_end: AdmissionEvent,
}

/// Retry hint of a pod that is stopping; another pod may answer at once.
const RETRY_AFTER_CLOSED: Duration = Duration::from_secs(1);

impl StoreAccess {
    pub(crate) fn start(settings: AdmissionSettings, clock: Clock, tasks: &Tasks, metrics: Metrics) -> Self {
        let shared = Arc::new(Shared {
            clock,
            metrics,
            driver: Mutex::new(AdmissionDriver::new(settings)),
            sooner: Notify::new(),
        });
        shared.step(AdmissionEvent::Woke);
        let (awake, stop) = (Arc::clone(&shared), tasks.stop().clone());
        tasks.spawn_supervised("store access", async move { awake.keep_awake(stop).await });
        Self { shared }
    }

    /// Waits until a request to the store is admitted. Dropping the future withdraws the request.
    pub(crate) async fn enter(&self, urgency: Urgency, deadline: Timestamp) -> Result<Permit, Overloaded> {
        let requested_at = self.shared.clock.now();
        let (mut slot, result) = self.shared.request(urgency, deadline);
        let closed = Overloaded {
            retry_after: RETRY_AFTER_CLOSED,
        };
        match result.await.unwrap_or(Err(closed)) {
            Ok(()) => {
                let waited = self.shared.clock.now().since(requested_at);
                self.shared.metrics.admission.record_wait(waited);
                slot.ends_as(StoreOutcome::Served);
                Ok(Permit { slot })
            }
            Err(overloaded) => {
                self.shared.metrics.admission.refused.inc();
                Err(overloaded)
            }
        }
    }

    /// Limits the rate of store requests; `None` is no limit.
    pub(crate) fn grant(&self, rate: Option<Rate>) {
        self.shared.step(AdmissionEvent::Granted { rate });
    }

    /// Store requests a second that the pod would make without a limit.
    pub(crate) fn demand(&self) -> u64 {
        let now = self.shared.clock.now();
        self.shared.driver().stepper.brain().demand(now)
    }
}

impl Permit {
    /// Reports the outcome of the request.
    pub(crate) fn on_ended(mut self, outcome: StoreOutcome) {
        self.slot.ends_as(outcome);
    }
}

impl Slot {
    /// The event that the drop reports from now on.
    fn ends_as(&mut self, outcome: StoreOutcome) {
        self.at_end = match self.at_end {
            AdmissionEvent::Withdrawn { ticket } | AdmissionEvent::Ended { ticket, .. } => {
                AdmissionEvent::Ended { ticket, outcome }
            }
            other @ (AdmissionEvent::Requested { .. } | AdmissionEvent::Granted { .. } | AdmissionEvent::Woke) => other,
        };
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.shared.step(self.at_end);
    }
}

impl Shared {
    fn request(self: &Arc<Self>, urgency: Urgency, deadline: Timestamp) -> (Slot, oneshot::Receiver<AdmissionResult>) {
        let (answer, result) = oneshot::channel();
        let ticket = self.driver().issue_ticket(answer);
        let slot = Slot {
            shared: Arc::clone(self),
            at_end: AdmissionEvent::Withdrawn { ticket },
        };
        self.step(AdmissionEvent::Requested {
            ticket,
            urgency,
            deadline,
        });
        (slot, result)
    }

    /// Steps the brain, and sends its answers to the waiting requests.
    fn step(&self, event: AdmissionEvent) {
        let mut driver = self.driver();
        let planned_at = driver.stepper.wake_at();
        let answers = driver.step(event, self.clock.now());
        self.metrics.admission.show(driver.stepper.brain());
        let is_sooner = driver.stepper.wake_at() < planned_at;
        drop(driver);
        if is_sooner {
            self.sooner.notify_one();
        }
        for (waiting, result) in answers {
            // A request that stopped waiting reports its end when its slot is dropped.
            let _ = waiting.send(result);
        }
    }

    /// Steps the brain at each of its wake-ups, until `stop` is cancelled.
    async fn keep_awake(&self, stop: CancellationToken) {
        let awake = async {
            loop {
                let wake_at = self.driver().stepper.wake_at();
                tokio::select! {
                    () = self.clock.sleep_until(wake_at) => self.step(AdmissionEvent::Woke),
                    () = self.sooner.notified() => {}
                }
            }
        };
        stop.run_until_cancelled(awake).await;
        self.driver().close();
    }

    fn driver(&self) -> MutexGuard<'_, AdmissionDriver> {
        self.driver.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AdmissionDriver {
    fn new(settings: AdmissionSettings) -> Self {
        Self {
            stepper: Stepper::new(Admission::new(settings)),
            waiting: BTreeMap::new(),
            last_ticket: 0,
            is_closed: false,
        }
    }

    fn issue_ticket(&mut self, answer: oneshot::Sender<AdmissionResult>) -> Ticket {
        self.last_ticket += 1;
        let ticket = Ticket(self.last_ticket);
        self.waiting.insert(ticket, answer);
        ticket
    }

    /// Steps the brain; returns its answers, each with the sender of the waiting request.
    fn step(
        &mut self,
        event: AdmissionEvent,
        now: Timestamp,
    ) -> Vec<(oneshot::Sender<AdmissionResult>, AdmissionResult)> {
        if let AdmissionEvent::Withdrawn { ticket } = event {
            self.waiting.remove(&ticket);
        }
        let results = self.stepper.step(event, now).into_iter().map(|action| match action {
            AdmissionAction::Admit(ticket) => (ticket, Ok(())),
            AdmissionAction::Refuse { ticket, retry_after } => (ticket, Err(Overloaded { retry_after })),
        });
        let answers = results.filter_map(|(ticket, result)| Some((self.waiting.remove(&ticket)?, result)));
        let answers = answers.collect();
        if self.is_closed {
            self.waiting.clear();
        }
        answers
    }

    /// Rejects all waiting requests and every later one.
    fn close(&mut self) {
        self.is_closed = true;
        self.waiting.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;

    use futures::future::join_all;
    use tokio::task::JoinHandle;

    use super::*;
    use StoreOutcome::{Busy, Served};
    use Urgency::{Prefetch, Request};

    /// Access to a store with a number of slots.
    struct StoreAccessTest {
        access: StoreAccess,
        clock: Clock,
        tasks: Tasks,
        metrics: Metrics,
    }

    impl StoreAccessTest {
        fn with_slots(concurrency: usize) -> Self {
            let (clock, tasks, metrics) = (Clock::start(), Tasks::new(), Metrics::new("numbers"));
            let settings = AdmissionSettings {
                concurrency,
                waiting_max: 100,
                seed: 1,
            };
            Self {
                access: StoreAccess::start(settings, clock, &tasks, metrics.clone()),
                clock,
                tasks,
                metrics,
            }
        }

        fn enter(&self, urgency: Urgency, time: Duration) -> impl Future<Output = Result<Permit, Overloaded>> + use<> {
            let (access, deadline) = (self.access.clone(), self.clock.now() + time);
            async move { access.enter(urgency, deadline).await }
        }

        /// A request that waits in a task of its own.
        async fn waits(&self, urgency: Urgency, time: Duration) -> JoinHandle<Result<Permit, Overloaded>> {
            let before = self.waiting();
            let waits = tokio::spawn(self.enter(urgency, time));
            while self.waiting() == before {
                tokio::task::yield_now().await;
            }
            waits
        }

        fn waiting(&self) -> i64 {
            self.metrics.admission.waiting.get()
        }

        fn running(&self) -> i64 {
            self.metrics.admission.running.get()
        }
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn a_permit_frees_its_slot_however_it_ends() {
        let test = StoreAccessTest::with_slots(1);
        let first = test.enter(Request, SECOND).await.unwrap();
        let second = test.waits(Request, SECOND).await;
        drop(first);
        let second = second.await.unwrap().unwrap();
        let third = test.waits(Request, SECOND).await;
        second.on_ended(Served);
        third.await.unwrap().unwrap().on_ended(Busy);
        let paused_at = test.clock.now();
        let fourth = test.enter(Request, SECOND).await.unwrap();
        assert!(test.clock.now() > paused_at, "it waited for the end of the pause");
        drop(fourth);
        assert_eq!((test.running(), test.waiting()), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn requests_go_before_prefetches() {
        let test = StoreAccessTest::with_slots(1);
        let permit = test.enter(Request, SECOND).await.unwrap();
        let prefetch = test.waits(Prefetch, SECOND).await;
        let request = test.waits(Request, SECOND).await;
        drop(permit);
        let permit = request.await.unwrap().unwrap();
        assert!(!prefetch.is_finished());
        drop(permit);
        prefetch.await.unwrap().unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_is_refused_at_its_deadline() {
        let test = StoreAccessTest::with_slots(1);
        let _permit = test.enter(Request, SECOND).await.unwrap();
        let began_at = test.clock.now();
        test.enter(Request, SECOND).await.unwrap_err();
        let waited = test.clock.now().since(began_at);
        assert!(
            (SECOND..SECOND + Duration::from_millis(5)).contains(&waited),
            "{waited:?}"
        );
        assert_eq!(test.metrics.admission.refused.get(), 1);
        assert_eq!(test.waiting(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_stops_waiting_frees_its_slot() {
        let test = StoreAccessTest::with_slots(1);
        let permit = test.enter(Request, SECOND).await.unwrap();
        let mut leaves = Box::pin(test.enter(Request, SECOND));
        let mut leaves_late = Box::pin(test.enter(Request, SECOND));
        assert!(futures::poll!(&mut leaves).is_pending());
        assert!(futures::poll!(&mut leaves_late).is_pending());
        drop(leaves);
        assert_eq!((test.running(), test.waiting()), (1, 1));
        drop(permit);
        assert_eq!(
            (test.running(), test.waiting()),
            (1, 0),
            "it is admitted but was not polled since"
        );
        drop(leaves_late);
        assert_eq!(test.running(), 0);
        assert!(test.access.shared.driver().waiting.is_empty());
        test.enter(Request, SECOND).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_grant_limits_the_rate() {
        let test = StoreAccessTest::with_slots(64);
        test.access.grant(Some(Rate::per_second(100)));
        let began_at = test.clock.now();
        let one = || async { test.enter(Request, 10 * SECOND).await.map(drop) };
        let all = join_all((0..125).map(|_| one())).await;
        assert!(all.iter().all(Result::is_ok));
        let took = test.clock.now().since(began_at);
        assert!((SECOND..SECOND + Duration::from_millis(20)).contains(&took), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn the_demand_counts_waiting_requests() {
        let test = StoreAccessTest::with_slots(1);
        let _permit = test.enter(Request, SECOND).await.unwrap();
        let _waits = test.waits(Request, SECOND).await;
        tokio::time::advance(Duration::from_millis(500)).await;
        assert_eq!(test.access.demand(), 4 + 1);
    }

    #[tokio::test(start_paused = true)]
    async fn after_the_shutdown_no_request_waits() {
        let test = StoreAccessTest::with_slots(1);
        let permit = test.enter(Request, SECOND).await.unwrap();
        let waits = test.waits(Request, SECOND).await;
        assert!(test.tasks.shutdown(SECOND).await);
        waits.await.unwrap().unwrap_err();
        test.enter(Request, SECOND).await.unwrap_err();
        drop(permit);
        test.enter(Request, SECOND).await.unwrap();
    }
}
