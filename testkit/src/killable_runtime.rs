//! A runtime that can be killed, with all that runs in it.

use std::future::Future;

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

/// A runtime of one thread; when it is killed or dropped, its tasks end where they are and its connections are cut, as when
/// a process is killed.
#[derive(Debug)]
pub struct KillableRuntime(Option<Runtime>);

impl KillableRuntime {
    /// Starts the runtime.
    ///
    /// # Panics
    /// If the system gives no thread.
    pub fn start() -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        Self(Some(runtime.expect("the system gives a thread")))
    }

    /// Runs a task in it.
    ///
    /// # Panics
    /// If the runtime was killed.
    pub fn spawn<T: Send + 'static>(&self, task: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
        let runtime = self.0.as_ref().expect("the runtime was not killed");
        runtime.spawn(task)
    }

    /// Runs a task in it and waits for its value.
    ///
    /// # Panics
    /// If the runtime was killed, or the task panics.
    pub async fn run<T: Send + 'static>(&self, task: impl Future<Output = T> + Send + 'static) -> T {
        self.spawn(task).await.expect("the task does not panic")
    }

    /// Ends all tasks without letting them finish.
    pub fn kill(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for KillableRuntime {
    fn drop(&mut self) {
        self.kill();
    }
}
