//! Supervised tasks that stop together.

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A group of tasks: a panic in one of them stops all, and so does [`Tasks::shutdown`]. Clones are the same group.
#[derive(Debug, Clone, Default)]
pub struct Tasks {
    tracker: TaskTracker,
    stop: CancellationToken,
    /// Cancelled when the deadline of the shutdown has passed: tasks that still run are dropped.
    abort: CancellationToken,
}

impl Tasks {
    /// An empty group with a stop token of its own.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty group with `stop` as its stop token, which a panic in one of its tasks cancels.
    #[must_use]
    pub fn stopped_by(stop: CancellationToken) -> Self {
        Self {
            stop,
            ..Self::default()
        }
    }

    /// The stop token: every task must end soon after it is cancelled.
    #[must_use]
    pub const fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    /// Spawns a task, which must end soon after [`Tasks::stop`] is cancelled. `name` is for the log of a panic.
    pub fn spawn_supervised<F>(&self, name: &'static str, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        // Boxed first: some tasks are large, and each wrapper would copy them over the stack.
        let supervised = supervised(name, self.stop.clone(), Box::pin(task));
        let abort = self.abort.clone();
        self.tracker.spawn(async move {
            abort.run_until_cancelled(supervised).await;
        });
    }

    /// Cancels the stop token and waits for all tasks, at most for `deadline`; tasks that still run are then dropped.
    /// Returns true when all ended within the deadline.
    pub async fn shutdown(&self, deadline: Duration) -> bool {
        self.stop.cancel();
        self.tracker.close();
        let has_ended = tokio::time::timeout(deadline, self.tracker.wait()).await.is_ok();
        if !has_ended {
            tracing::warn!(
                task_count = self.tracker.len(),
                "dropping tasks that did not end within the shutdown deadline"
            );
            self.abort.cancel();
        }
        has_ended
    }
}

/// Runs `task`. If it panics, logs the panic and cancels `stop`.
pub async fn supervised(name: &'static str, stop: CancellationToken, task: impl Future<Output = ()>) {
    // Unwind-safe: no state of the task is used after a panic.
    if let Err(panic) = AssertUnwindSafe(task).catch_unwind().await {
        tracing::error!(task = name, reason = message_of(&*panic), "task panicked, stopping");
        stop.cancel();
    }
}

fn message_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("unknown")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_panic_in_one_task_ends_all() {
        let tasks = Tasks::new();
        tasks.spawn_supervised("waits", tasks.stop().clone().cancelled_owned());
        tasks.spawn_supervised("panics", async { panic!("out of luck") });
        tasks.stop().cancelled().await;
        assert!(tasks.shutdown(Duration::from_secs(1)).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_does_not_end_is_dropped() {
        let tasks = Tasks::new();
        let (held_by_task, dropped) = tokio::sync::oneshot::channel::<()>();
        tasks.spawn_supervised("hangs", async move {
            std::future::pending::<()>().await;
            drop(held_by_task);
        });
        assert!(!tasks.shutdown(Duration::from_secs(1)).await);
        assert!(dropped.await.is_err());
    }
}
