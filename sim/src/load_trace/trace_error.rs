//! Errors in load traces, worded for the author of the file.

use super::limits::LINE_BYTES_MAX;
use crate::quoted::Quoted;

/// The first error in a load trace, with its line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {fault}")]
pub struct LoadTraceError {
    /// The line in the file; the configuration is line 1.
    pub line: u64,
    /// The error on that line.
    pub fault: LoadTraceFault,
}

/// An error on one line of a load trace.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages name the fields")]
pub enum LoadTraceFault {
    /// The file is empty, or its first line is not the configuration.
    #[error("the first line must be the config event, {{\"at_ms\":0,\"event\":\"config\",\"max_load_hint\":...}}")]
    NoConfig,
    /// A configuration on a line after the first.
    #[error("a second config event; only the first line may be one")]
    SecondConfig,
    /// The file ends before the end event.
    #[error("the trace ends without its last line, {{\"at_ms\":...,\"event\":\"end\"}}")]
    NoEnd,
    /// A line after the end event.
    #[error("a line after the end event, which must be the last one")]
    AfterEnd,
    /// No key has load.
    #[error("the trace sets no load; add a load_set event")]
    NoLoad,
    /// A line beyond the limit: probably not a trace.
    #[error("the line is longer than {LINE_BYTES_MAX} bytes; spread the loads over several load_set events")]
    LineTooLong,
    /// Not a JSON object with the fields of an event.
    #[error("column {column}: {reason}")]
    Malformed {
        /// The column in the line, from 1; 0 for an empty line.
        column: usize,
        /// The error and what is allowed.
        reason: String,
    },
    /// A field is missing.
    #[error("the {event} event has no {field}")]
    Missing { event: &'static str, field: &'static str },
    /// A field that this event does not have.
    #[error("the {event} event has a {field}, which only {owner} has")]
    Misplaced {
        event: &'static str,
        field: &'static str,
        owner: &'static str,
    },
    /// A number out of range.
    #[error("{field} is {found}, it must be {allowed}")]
    OutOfRange {
        field: &'static str,
        found: String,
        allowed: &'static str,
    },
    /// Loads too small to be represented in thousandths of a unit.
    #[error(
        "loads with a sum of {written} units become {rounded} when rounded to thousandths; multiply all loads and max_load_hint by 1,000"
    )]
    TooFine { written: String, rounded: String },
    /// A time before that of the previous line.
    #[error("at_ms {at_ms} is before {previous_ms}, the time of the line above; events are ordered by time")]
    OutOfOrder { at_ms: u64, previous_ms: u64 },
    /// A pod is added that is present already.
    #[error("pod {} is added but present already; it must crash or drain first", Quoted(.pod))]
    AlreadyThere { pod: String },
    /// A pod crashes or drains that is not present.
    #[error("pod {} crashes or drains but is not present; it must be added first", Quoted(.pod))]
    NotThere { pod: String },
    /// Time passes while no pod is present.
    #[error("no pod is present from {from_ms} ms on; at least one must be at any time")]
    NoPods { from_ms: u64 },
    /// The trace cannot be read; the reason is the text of the I/O error.
    #[error("cannot be read: {reason}")]
    Unreadable { reason: String },
}
