//! Waiting for events: with one deadline for everything, which only a fault or a hung machine reaches.
//!
//! A test waits for the event that it needs and never for a time, so that it passes however slow the machine is.

use std::future::Future;
use std::panic::Location;
use std::time::{Duration, Instant};

use tokio::time::{interval, timeout};

/// How long any one event of a test may take.
pub const DEADLINE: Duration = Duration::from_secs(120);

/// How long a whole program, or a test of many events, may take.
pub const RUN_DEADLINE: Duration = Duration::from_secs(600);

/// The polling interval for a state that announces no changes.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Waits for `event`; panics with the caller's place in the source after [`DEADLINE`].
#[track_caller]
pub fn soon<T>(event: impl Future<Output = T>) -> impl Future<Output = T> {
    let caller = Location::caller();
    async move {
        let outcome = timeout(DEADLINE, event).await;
        outcome.unwrap_or_else(|_| panic!("the event awaited at {caller} took longer than {DEADLINE:?}"))
    }
}

/// Waits for `event`; panics with its name after [`DEADLINE`].
pub async fn within<T>(name: &str, event: impl Future<Output = T>) -> T {
    let outcome = timeout(DEADLINE, event).await;
    outcome.unwrap_or_else(|_| panic!("{name} took longer than {DEADLINE:?}"))
}

/// Polls until there is a value, without blocking the thread.
pub async fn eventually<T>(name: &str, mut poll: impl AsyncFnMut() -> Option<T>) -> T {
    let polling = async {
        let mut ticks = interval(POLL_INTERVAL);
        loop {
            ticks.tick().await;
            if let Some(value) = poll().await {
                return value;
            }
        }
    };
    within(name, polling).await
}

/// Polls until there is a value, blocking the thread; panics with the event's name after [`DEADLINE`].
pub fn wait_for<T>(name: &str, poll: impl FnMut() -> Option<T>) -> T {
    wait_within(name, DEADLINE, poll)
}

/// The same with another deadline, such as [`RUN_DEADLINE`] for what waits for events in turn.
pub fn wait_within<T>(name: &str, deadline: Duration, mut poll: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = poll() {
            return value;
        }
        assert!(start.elapsed() < deadline, "{name} took longer than {deadline:?}");
        std::thread::park_timeout(POLL_INTERVAL);
    }
}
