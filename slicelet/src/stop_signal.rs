//! SIGTERM: the platform's request to stop the pod.

use emberkeep_runtime::tasks::Tasks;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::error::SliceletError;

/// Cancels `drain` when the process receives SIGTERM.
pub(crate) fn drain_on_sigterm(tasks: &Tasks, drain: CancellationToken) -> Result<(), SliceletError> {
    let mut sigterm = signal(SignalKind::terminate()).map_err(SliceletError::Signal)?;
    let stop = tasks.stop().clone();
    tasks.spawn_supervised("wait for SIGTERM", async move {
        tokio::select! {
            _ = sigterm.recv() => {
                tracing::info!("SIGTERM: draining");
                drain.cancel();
            }
            () = stop.cancelled() => {}
        }
    });
    Ok(())
}
