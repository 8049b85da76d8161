//! The way to the object store: who may go now is decided by `emberkeep_core::slicelet::admission`, and carried out here.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use emberkeep_core::brain::Brain;
use emberkeep_core::rate::Rate;
use emberkeep_core::slicelet::admission::{
    Admission, AdmissionAction, AdmissionEvent, AdmissionSettings, Outcome, Ticket, Urgency,
};
use emberkeep_core::time::Timestamp;
use emberkeep_runtime::clock::Clock;
use emberkeep_runtime::tasks::Tasks;
use tokio::sync::{Notify, oneshot};
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;
use crate::overloaded::Overloaded;

/// The one way to the object store. Copies are the same way.
#[derive(Debug, Clone)]
pub(crate) struct StoreAccess {
    gate: Arc<Gate>,
}

/// The right to make one request of the store. It ends as served when it is dropped.
#[derive(Debug)]
pub(crate) struct Pass {
    place: Place,
}

#[derive(Debug)]
struct Gate {
    clock: Clock,
    metrics: Metrics,
    keeper: Mutex<Keeper>,
    /// The keeper is to be woken sooner than it said before.
    sooner: Notify,
}

/// The brain, and those whom its answers are for.
#[derive(Debug)]
struct Keeper {
    brain: Admission,
    waiting: BTreeMap<Ticket, oneshot::Sender<Verdict>>,
    drawn_count: u64,
    now: Timestamp,
    wake_at: Timestamp,
    /// Nobody wakes the brain any more, so nobody may wait for it.
    is_closed: bool,
}

type Verdict = Result<(), Overloaded>;

/// A place in the line or at the store. However it is given up, the brain hears of it.
#[derive(Debug)]
struct Place {
    gate: Arc<Gate>,
    at_end: AdmissionEvent,
}

/// When to try again at a pod that stops: elsewhere, at once or a moment later.
const RETRY_AFTER_CLOSED: Duration = Duration::from_secs(1);

impl StoreAccess {
    pub(crate) fn start(settings: AdmissionSettings, clock: Clock, tasks: &Tasks, metrics: Metrics) -> Self {
        let gate = Arc::new(Gate {
            clock,
            metrics,
            keeper: Mutex::new(Keeper::new(settings)),
            sooner: Notify::new(),
        });
        gate.tell(AdmissionEvent::Woke);
        let (awake, stop) = (Arc::clone(&gate), tasks.stop().clone());
        tasks.spawn_supervised("store access", async move { awake.keep_awake(stop).await });
        Self { gate }
    }

    /// Waits for the right to make one request of the store. One who gives up waiting gives up its place.
    pub(crate) async fn enter(&self, urgency: Urgency, deadline: Timestamp) -> Result<Pass, Overloaded> {
        let asked_at = self.gate.clock.now();
        let (mut place, verdict) = self.gate.ask(urgency, deadline);
        let closed = Overloaded {
            retry_after: RETRY_AFTER_CLOSED,
        };
        match verdict.await.unwrap_or(Err(closed)) {
            Ok(()) => {
                let waited = self.gate.clock.now().since(asked_at);
                self.gate.metrics.admission.record_wait(waited);
                place.ends_as(Outcome::Served);
                Ok(Pass { place })
            }
            Err(overloaded) => {
                self.gate.metrics.admission.refused.inc();
                Err(overloaded)
            }
        }
    }

    /// The store requests that this pod may make; without a rate there is no limit.
    pub(crate) fn grant(&self, rate: Option<Rate>) {
        self.gate.tell(AdmissionEvent::Granted { rate });
    }

    /// How many requests of the store a second the pod would make if it were let.
    pub(crate) fn demand(&self) -> u64 {
        let now = self.gate.clock.now();
        self.gate.keeper().brain.demand(now)
    }
}

impl Pass {
    /// The request has ended like this.
    pub(crate) fn ended(mut self, outcome: Outcome) {
        self.place.ends_as(outcome);
    }
}

impl Place {
    fn ends_as(&mut self, outcome: Outcome) {
        self.at_end = match self.at_end {
            AdmissionEvent::Withdrawn { ticket } | AdmissionEvent::Ended { ticket, .. } => {
                AdmissionEvent::Ended { ticket, outcome }
            }
            other @ (AdmissionEvent::Asked { .. } | AdmissionEvent::Granted { .. } | AdmissionEvent::Woke) => other,
        };
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.gate.tell(self.at_end);
    }
}

impl Gate {
    fn ask(self: &Arc<Self>, urgency: Urgency, deadline: Timestamp) -> (Place, oneshot::Receiver<Verdict>) {
        let (answer, verdict) = oneshot::channel();
        let ticket = self.keeper().draw(answer);
        let place = Place {
            gate: Arc::clone(self),
            at_end: AdmissionEvent::Withdrawn { ticket },
        };
        self.tell(AdmissionEvent::Asked {
            ticket,
            urgency,
            deadline,
        });
        (place, verdict)
    }

    /// Tells the brain what happened, and those who wait what it says to it.
    fn tell(&self, event: AdmissionEvent) {
        let mut keeper = self.keeper();
        let woken_at = keeper.wake_at;
        let answers = keeper.step(event, self.clock.now());
        self.metrics.admission.show(&keeper.brain);
        let is_sooner = keeper.wake_at < woken_at;
        drop(keeper);
        if is_sooner {
            self.sooner.notify_one();
        }
        for (waiting, verdict) in answers {
            // Whoever has gone gives its place up by itself.
            let _ = waiting.send(verdict);
        }
    }

    /// Wakes the brain whenever it wants, until `stop`.
    async fn keep_awake(&self, stop: CancellationToken) {
        let awake = async {
            loop {
                let wake_at = self.keeper().wake_at;
                tokio::select! {
                    () = self.clock.sleep_until(wake_at) => self.tell(AdmissionEvent::Woke),
                    () = self.sooner.notified() => {}
                }
            }
        };
        stop.run_until_cancelled(awake).await;
        self.keeper().close();
    }

    fn keeper(&self) -> MutexGuard<'_, Keeper> {
        self.keeper.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Keeper {
    fn new(settings: AdmissionSettings) -> Self {
        Self {
            brain: Admission::new(settings),
            waiting: BTreeMap::new(),
            drawn_count: 0,
            now: Timestamp::ZERO,
            wake_at: Timestamp::NEVER,
            is_closed: false,
        }
    }

    fn draw(&mut self, answer: oneshot::Sender<Verdict>) -> Ticket {
        self.drawn_count += 1;
        let ticket = Ticket(self.drawn_count);
        self.waiting.insert(ticket, answer);
        ticket
    }

    /// One step of the brain; who is to be told what.
    fn step(&mut self, event: AdmissionEvent, now: Timestamp) -> Vec<(oneshot::Sender<Verdict>, Verdict)> {
        if let AdmissionEvent::Withdrawn { ticket } = event {
            self.waiting.remove(&ticket);
        }
        self.now = self.now.max(now);
        let output = self.brain.step(event, self.now);
        self.wake_at = output.wake_at;
        let verdicts = output.actions.into_iter().map(|action| match action {
            AdmissionAction::Admit(ticket) => (ticket, Ok(())),
            AdmissionAction::Refuse { ticket, retry_after } => (ticket, Err(Overloaded { retry_after })),
        });
        let answers = verdicts.filter_map(|(ticket, verdict)| Some((self.waiting.remove(&ticket)?, verdict)));
        let answers = answers.collect();
        if self.is_closed {
            self.waiting.clear();
        }
        answers
    }

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
    use Outcome::{Busy, Served};
    use Urgency::{Prefetch, Request};

    /// A way to the store for so many at a time.
    struct World {
        access: StoreAccess,
        clock: Clock,
        tasks: Tasks,
        metrics: Metrics,
    }

    impl World {
        fn with_places(concurrency: usize) -> Self {
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

        fn enter(&self, urgency: Urgency, time: Duration) -> impl Future<Output = Result<Pass, Overloaded>> + use<> {
            let (access, deadline) = (self.access.clone(), self.clock.now() + time);
            async move { access.enter(urgency, deadline).await }
        }

        /// One who has begun to wait in its own task.
        async fn waits(&self, urgency: Urgency, time: Duration) -> JoinHandle<Result<Pass, Overloaded>> {
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
    async fn a_pass_gives_its_place_to_the_next_however_it_ends() {
        let world = World::with_places(1);
        let first = world.enter(Request, SECOND).await.unwrap();
        let second = world.waits(Request, SECOND).await;
        drop(first);
        let second = second.await.unwrap().unwrap();
        let third = world.waits(Request, SECOND).await;
        second.ended(Served);
        third.await.unwrap().unwrap().ended(Busy);
        let paused_at = world.clock.now();
        let fourth = world.enter(Request, SECOND).await.unwrap();
        assert!(world.clock.now() > paused_at, "it was woken when the pause was over");
        drop(fourth);
        assert_eq!((world.running(), world.waiting()), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn requests_go_before_prefetches() {
        let world = World::with_places(1);
        let pass = world.enter(Request, SECOND).await.unwrap();
        let prefetch = world.waits(Prefetch, SECOND).await;
        let request = world.waits(Request, SECOND).await;
        drop(pass);
        let pass = request.await.unwrap().unwrap();
        assert!(!prefetch.is_finished());
        drop(pass);
        prefetch.await.unwrap().unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn one_who_waits_in_vain_is_refused_at_its_deadline() {
        let world = World::with_places(1);
        let _pass = world.enter(Request, SECOND).await.unwrap();
        let began_at = world.clock.now();
        world.enter(Request, SECOND).await.unwrap_err();
        let waited = world.clock.now().since(began_at);
        assert!(
            (SECOND..SECOND + Duration::from_millis(5)).contains(&waited),
            "{waited:?}"
        );
        assert_eq!(world.metrics.admission.refused.get(), 1);
        assert_eq!(world.waiting(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_lost_when_one_who_waits_goes_away() {
        let world = World::with_places(1);
        let pass = world.enter(Request, SECOND).await.unwrap();
        let mut leaves = Box::pin(world.enter(Request, SECOND));
        let mut leaves_late = Box::pin(world.enter(Request, SECOND));
        assert!(futures::poll!(&mut leaves).is_pending());
        assert!(futures::poll!(&mut leaves_late).is_pending());
        drop(leaves);
        assert_eq!((world.running(), world.waiting()), (1, 1));
        drop(pass);
        assert_eq!(
            (world.running(), world.waiting()),
            (1, 0),
            "it is admitted but has not seen it"
        );
        drop(leaves_late);
        assert_eq!(world.running(), 0);
        assert!(world.access.gate.keeper().waiting.is_empty());
        world.enter(Request, SECOND).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_grant_sets_the_pace() {
        let world = World::with_places(64);
        world.access.grant(Some(Rate::per_second(100)));
        let began_at = world.clock.now();
        let one = || async { world.enter(Request, 10 * SECOND).await.map(drop) };
        let all = join_all((0..125).map(|_| one())).await;
        assert!(all.iter().all(Result::is_ok));
        let took = world.clock.now().since(began_at);
        assert!((SECOND..SECOND + Duration::from_millis(20)).contains(&took), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn the_demand_counts_what_is_not_let_through() {
        let world = World::with_places(1);
        let _pass = world.enter(Request, SECOND).await.unwrap();
        let _waits = world.waits(Request, SECOND).await;
        tokio::time::advance(Duration::from_millis(500)).await;
        assert_eq!(world.access.demand(), 4 + 1);
    }

    #[tokio::test(start_paused = true)]
    async fn after_the_end_nobody_waits_any_more() {
        let world = World::with_places(1);
        let pass = world.enter(Request, SECOND).await.unwrap();
        let waits = world.waits(Request, SECOND).await;
        assert!(world.tasks.shutdown(SECOND).await);
        waits.await.unwrap().unwrap_err();
        world.enter(Request, SECOND).await.unwrap_err();
        drop(pass);
        world.enter(Request, SECOND).await.unwrap();
    }
}
