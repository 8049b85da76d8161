//! Sending the requests of a schedule, as an open or a closed loop, and checking the answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::Status;

use super::clients::Clients;
use super::failure_kind::kind_of;
use super::run::LoadRun;
use super::schedule::{Schedule, ScheduledRequest};
use crate::demo::pb::ViewResponse;
use crate::demo::value_of;
use crate::report::{CompletedRequest, RequestOutcome};

/// The number of requests in flight of a closed loop.
const CLOSED_LOOP_WIDTH: usize = 256;
/// The maximum number in flight of an open loop; further requests wait, and count as late.
const IN_FLIGHT_MAX: usize = 20_000;
/// The maximum number of failed requests that are logged.
const LOGGED_MAX: u64 = 1_000;
/// The interval at which the pacing thread checks for a stop.
const STOP_CHECK_INTERVAL: Duration = Duration::from_millis(50);

/// Sends the requests of the schedule until it ends or `stop` is cancelled; returns when all have completed.
pub(crate) async fn drive(schedule: Arc<Schedule>, clients: Clients, run: Arc<LoadRun>, stop: CancellationToken) {
    let driver = Arc::new(LoadDriver {
        schedule,
        clients,
        run,
        stop,
        next: AtomicUsize::new(0),
    });
    if driver.schedule.is_as_fast_as_possible() {
        driver.closed_loop().await;
    } else {
        driver.open_loop().await;
    }
}

struct LoadDriver {
    schedule: Arc<Schedule>,
    clients: Clients,
    run: Arc<LoadRun>,
    stop: CancellationToken,
    /// The number of the next request.
    next: AtomicUsize,
}

impl LoadDriver {
    /// Closed loop: each worker sends the next request when its last one has completed.
    async fn closed_loop(self: Arc<Self>) {
        let workers = TaskTracker::new();
        for _ in 0..CLOSED_LOOP_WIDTH {
            let driver = Arc::clone(&self);
            workers.spawn(async move {
                while let Some((number, request)) = driver.take_next() {
                    send(&driver.clients, &driver.run, number, &request).await;
                }
            });
        }
        workers.close();
        workers.wait().await;
    }

    /// Open loop: each request is sent when it is due, whether or not earlier ones have completed.
    async fn open_loop(self: Arc<Self>) {
        let requests = TaskTracker::new();
        let (driver, sent, handle) = (Arc::clone(&self), requests.clone(), Handle::current());
        // A thread of its own: the runtime's timers have a resolution of a millisecond.
        let paced = tokio::task::spawn_blocking(move || driver.pace(&sent, &handle));
        if let Err(failure) = paced.await {
            tracing::error!(%failure, "the pacing thread failed, no more requests are sent");
        }
        requests.close();
        requests.wait().await;
    }

    fn pace(self: Arc<Self>, requests: &TaskTracker, handle: &Handle) {
        let permits = Arc::new(Semaphore::new(IN_FLIGHT_MAX));
        while let Some((number, request)) = self.take_next() {
            while let Some(ahead) = request.at.and_then(|at| at.checked_sub(self.run.now())) {
                if self.stop.is_cancelled() {
                    return;
                }
                std::thread::sleep(ahead.min(STOP_CHECK_INTERVAL));
            }
            let permit = Arc::clone(&permits).acquire_owned();
            let permit = handle.block_on(permit).expect("it is never closed");
            let driver = Arc::clone(&self);
            let sending = async move {
                send(&driver.clients, &driver.run, number, &request).await;
                drop(permit);
            };
            requests.spawn_on(sending, handle);
        }
    }

    fn take_next(&self) -> Option<(usize, ScheduledRequest)> {
        if self.stop.is_cancelled() {
            return None;
        }
        let number = self.next.fetch_add(1, Relaxed);
        let request = self.schedule.request(number)?;
        Some((number, self.schedule.redirected(number, request, self.run.now())))
    }
}

/// Sends one request and records its outcome.
pub(crate) async fn send(clients: &Clients, run: &LoadRun, number: usize, request: &ScheduledRequest) {
    let due = request.at.unwrap_or_else(|| run.now());
    let answer = clients.view(number, request).await;
    let at = run.now();
    let outcome = match answer {
        Ok(answer) => checked(&request.key, &answer),
        Err(status) => failed(run, request, &status),
    };
    run.record(CompletedRequest {
        key: request.key_number,
        due,
        at,
        outcome,
    });
}

/// Logs the first failures only, so that the log stays readable.
fn failed(run: &LoadRun, request: &ScheduledRequest, status: &Status) -> RequestOutcome {
    if run.tally().failed() < LOGGED_MAX {
        tracing::warn!(key = %request.key, %status, "request failed");
    }
    RequestOutcome::Failed { kind: kind_of(status) }
}

fn checked(key: &str, answer: &ViewResponse) -> RequestOutcome {
    if answer.value == value_of(key) {
        return RequestOutcome::Right {
            was_warm: answer.was_warm,
        };
    }
    tracing::error!(key, pod = answer.pod, "wrong answer");
    RequestOutcome::Wrong
}
