//! Stopping a command: by signals, or by the end of its standard input.

use std::io::Read;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::exit::CommandError;

/// Cancelled by SIGTERM or Ctrl-C; a second one ends the process at once.
pub(crate) fn on_signal() -> Result<CancellationToken, CommandError> {
    let cannot = |error| CommandError::failed(format!("cannot listen for signals: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(cannot)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(cannot)?;
    let stop = CancellationToken::new();
    let cancelled = stop.clone();
    tokio::spawn(async move {
        for is_first in [true, false] {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if is_first {
                cancelled.cancel();
            }
        }
        std::process::exit(130);
    });
    Ok(stop)
}

/// Ends this process when its standard input closes, at the latest when the process that started it ends.
pub(crate) fn with_parent() {
    std::thread::spawn(|| {
        let mut ignored = [0; 64];
        while matches!(std::io::stdin().read(&mut ignored), Ok(1..)) {}
        std::process::exit(0);
    });
}
