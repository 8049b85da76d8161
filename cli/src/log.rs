//! Logs to standard error, or to a file while the terminal shows progress.

use std::fs::File;
use std::sync::Mutex;

use clap::ValueEnum;
use emberkeep_runtime::trace_context::PART_OF_TRACE;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::time::SystemTime;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use crate::telemetry::Telemetry;

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
    to_stderr_as(LogFormat::Text, default, &Telemetry::none());
}

/// Logs to standard error in this form, and exports spans.
pub(crate) fn to_stderr_as(format: LogFormat, default: &str, telemetry: &Telemetry) {
    let is_terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
    init(lines(format, is_terminal, std::io::stderr), default, telemetry);
}

/// Logs to a file, while the terminal shows progress, and exports spans.
pub(crate) fn to_file(file: File, default: &str, telemetry: &Telemetry) {
    init(lines(LogFormat::Text, false, Mutex::new(file)), default, telemetry);
}

type LineLayer = Box<dyn Layer<Registry> + Send + Sync>;

fn lines<W>(format: LogFormat, has_colours: bool, writer: W) -> LineLayer
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt::layer()
        .with_timer(SystemTime)
        .with_ansi(has_colours)
        .with_writer(writer);
    match format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    }
}

fn init(lines: LineLayer, default: &str, telemetry: &Telemetry) {
    let subscriber = tracing_subscriber::registry()
        .with(lines.with_filter(filter(default)))
        .with(telemetry.layer());
    // Fails only if a test has set a subscriber before, which then remains.
    let _ = subscriber.try_init();
}

/// Spans are for the export only: in log lines they would repeat the fields of the events.
fn filter(default: &str) -> EnvFilter {
    let chosen =
        EnvFilter::try_from_env(FILTER).unwrap_or_else(|_| EnvFilter::new(format!("{default},openraft=error")));
    let without_spans = format!("{PART_OF_TRACE}=off").parse();
    chosen.add_directive(without_spans.expect("a target and a level are a directive"))
}
