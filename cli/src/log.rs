//! Logs to standard error, or to a file while the terminal shows progress.

use std::fs::File;
use std::sync::Mutex;

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::time::SystemTime;

/// The environment variable with the log filter, in the syntax of `RUST_LOG`.
const FILTER: &str = "EMBERKEEP_LOG";

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines for people, coloured on a terminal
    #[default]
    Text,
    /// One JSON object a line, with the fields of the event and of its spans
    Json,
}

/// Logs to standard error as text.
pub(crate) fn to_stderr(default: &str) {
    to_stderr_as(LogFormat::Text, default);
}

/// Logs to standard error in this form.
pub(crate) fn to_stderr_as(format: LogFormat, default: &str) {
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter(default))
        .with_timer(SystemTime)
        .with_writer(std::io::stderr);
    // Fails only if a test has set a subscriber before, which then remains.
    let _ = match format {
        LogFormat::Text => {
            let is_terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
            subscriber.with_ansi(is_terminal).try_init()
        }
        LogFormat::Json => subscriber.json().flatten_event(true).try_init(),
    };
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
