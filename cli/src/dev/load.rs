//! Sending requests through clerks to the pods, and judging the answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use emberkeep_proto::demo::ViewResponse;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::Status;

use super::clients::Clients;
use super::demo::value_of;
use super::reply::{Outcome, Reply, kind_of};
use super::run::Run;
use super::schedule::{Due, Schedule};

/// How many requests are under way at a time when they come as fast as they can.
const CLOSED_LOOP_WIDTH: usize = 256;
/// How many may be under way when they come by schedule; more of them wait, and are late.
const IN_FLIGHT_MAX: usize = 20_000;
/// How many failed requests are logged.
const LOGGED_MAX: u64 = 1_000;
/// How often the pacing thread looks whether it is to stop.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// Sends the requests of the schedule until it ends, or until `stop`; returns when all have ended.
pub(crate) async fn drive(schedule: Arc<Schedule>, clients: Clients, run: Arc<Run>, stop: CancellationToken) {
    let load = Arc::new(Load {
        schedule,
        clients,
        run,
        stop,
        next: AtomicUsize::new(0),
    });
    if load.schedule.is_as_fast_as_possible() {
        load.closed_loop().await;
    } else {
        load.open_loop().await;
    }
}

struct Load {
    schedule: Arc<Schedule>,
    clients: Clients,
    run: Arc<Run>,
    stop: CancellationToken,
    /// The number of the request that comes next.
    next: AtomicUsize,
}

impl Load {
    /// As many at a time as the loop is wide: the next one is sent when one has ended.
    async fn closed_loop(self: Arc<Self>) {
        let workers = TaskTracker::new();
        for _ in 0..CLOSED_LOOP_WIDTH {
            let load = Arc::clone(&self);
            workers.spawn(async move {
                while let Some((number, due)) = load.take_next() {
                    ask(&load.clients, &load.run, number, &due).await;
                }
            });
        }
        workers.close();
        workers.wait().await;
    }

    /// Each at its time, whether or not those before have ended.
    async fn open_loop(self: Arc<Self>) {
        let requests = TaskTracker::new();
        let (load, sent, handle) = (Arc::clone(&self), requests.clone(), Handle::current());
        // A thread of its own, because the runtime's timers are only exact to a millisecond.
        let paced = tokio::task::spawn_blocking(move || load.pace(&sent, &handle));
        if let Err(failure) = paced.await {
            tracing::error!(%failure, "requests are no longer sent");
        }
        requests.close();
        requests.wait().await;
    }

    fn pace(self: Arc<Self>, requests: &TaskTracker, handle: &Handle) {
        let places = Arc::new(Semaphore::new(IN_FLIGHT_MAX));
        while let Some((number, due)) = self.take_next() {
            while let Some(ahead) = due.at.and_then(|at| at.checked_sub(self.run.now())) {
                if self.stop.is_cancelled() {
                    return;
                }
                std::thread::sleep(ahead.min(LOOK_INTERVAL));
            }
            let place = Arc::clone(&places).acquire_owned();
            let place = handle.block_on(place).expect("it is never closed");
            let load = Arc::clone(&self);
            let send = async move {
                ask(&load.clients, &load.run, number, &due).await;
                drop(place);
            };
            requests.spawn_on(send, handle);
        }
    }

    fn take_next(&self) -> Option<(usize, Due)> {
        if self.stop.is_cancelled() {
            return None;
        }
        let number = self.next.fetch_add(1, Relaxed);
        let due = self.schedule.request(number)?;
        Some((number, self.schedule.heated(number, due, self.run.now())))
    }
}

/// Sends one request, and counts what comes of it.
pub(super) async fn ask(clients: &Clients, run: &Run, number: usize, request: &Due) {
    let due = request.at.unwrap_or_else(|| run.now());
    let answer = clients.ask(number, request).await;
    let at = run.now();
    let outcome = match answer {
        Ok(answer) => judge(&request.key, &answer),
        Err(status) => note(run, request, &status),
    };
    run.record(Reply {
        key: request.key_number,
        due,
        at,
        outcome,
    });
}

/// The log says why requests fail, but not a million times.
fn note(run: &Run, request: &Due, status: &Status) -> Outcome {
    if run.tally().failed() < LOGGED_MAX {
        tracing::warn!(key = %request.key, %status, "request failed");
    }
    Outcome::Failed { kind: kind_of(status) }
}

fn judge(key: &str, answer: &ViewResponse) -> Outcome {
    if answer.value == value_of(key) {
        return Outcome::Right {
            was_warm: answer.was_warm,
        };
    }
    tracing::error!(key, pod = answer.pod, "wrong answer");
    Outcome::Wrong
}
