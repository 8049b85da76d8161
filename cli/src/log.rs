//! Logs to standard error, or to a file while the terminal shows progress.

use std::fs::File;
use std::sync::Mutex;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::time::SystemTime;

/// The environment variable with the log filter, in the syntax of `RUST_LOG`.
const FILTER: &str = "EMBERKEEP_LOG";

/// Logs to standard error.
pub(crate) fn to_stderr(default: &str) {
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter(default))
        .with_timer(SystemTime)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .with_writer(std::io::stderr);
    // Fails only if a test has set a subscriber before, which then remains.
    let _ = subscriber.try_init();
}

/// Logs to a file, while the terminal shows progress.
pub(crate) fn to_file(file: File, default: &str) {
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter(default))
        .with_timer(SystemTime)
        .with_ansi(false)
        .with_writer(Mutex::new(file));
    let _ = subscriber.try_init();
}

fn filter(default: &str) -> EnvFilter {
    EnvFilter::try_from_env(FILTER).unwrap_or_else(|_| EnvFilter::new(format!("{default},openraft=error")))
}
