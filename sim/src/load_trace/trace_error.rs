//! What can be wrong with a load trace, in the words of whoever has to mend the file.

use super::limits::LINE_BYTES_MAX;
use crate::quoted::Quoted;

/// The first thing wrong in a load trace, and the line it stands on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {fault}")]
pub struct LoadTraceError {
    /// The line in the file; the configuration is line 1.
    pub line: u64,
    /// What is wrong there.
    pub fault: LoadTraceFault,
}

/// What is wrong with one line of a load trace.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadTraceFault {
    /// The file is empty or its first line is no configuration.
    #[error("the first line must be the config event, {{\"at_ms\":0,\"event\":\"config\",\"max_load_hint\":...}}")]
    NoConfig,
    /// A second configuration.
    #[error("a second config event; only the first line is one")]
    SecondConfig,
    /// The file ends too soon.
    #[error("the trace stops without its last line, {{\"at_ms\":...,\"event\":\"end\"}}")]
    NoEnd,
    /// There is something after the end.
    #[error("a line after the end event, which must be the last one")]
    AfterEnd,
    /// No key has load.
    #[error("the trace ends and has set no load; a load_set event does")]
    NoLoad,
    /// More bytes than any line needs, so this is not a trace.
    #[error("the line is longer than {LINE_BYTES_MAX} bytes; spread the loads over several load_set events")]
    LineTooLong,
    /// Not a JSON object of the fields that an event has.
    #[error("column {column}: {reason}")]
    Malformed {
        /// Where in the line, from 1.
        column: usize,
        /// What is wrong, and what is allowed.
        reason: String,
    },
    /// A field is missing.
    #[error("the {event} event has no {field}")]
    Missing {
        /// The event.
        event: &'static str,
        /// The field that it must have.
        field: &'static str,
    },
    /// A field that this event does not have.
    #[error("the {event} event has a {field}, which only {owner} has")]
    Misplaced {
        /// The event.
        event: &'static str,
        /// The field.
        field: &'static str,
        /// The events that may have it.
        owner: &'static str,
    },
    /// A number that is out of its range.
    #[error("{field} is {found}, it must be {allowed}")]
    OutOfRange {
        /// The field.
        field: &'static str,
        /// What it says.
        found: String,
        /// What is allowed.
        allowed: &'static str,
    },
    /// Loads that are too small to be counted in thousandths.
    #[error(
        "loads of {written} units together are counted as {rounded} in thousandths; multiply all loads and max_load_hint by 1,000"
    )]
    TooFine {
        /// What is written.
        written: String,
        /// What is left of it.
        rounded: String,
    },
    /// The time is before that of the line above.
    #[error("at_ms {at_ms} is before {previous_ms}, the time of the line above; events are ordered by time")]
    OutOfOrder {
        /// This line's time.
        at_ms: u64,
        /// The time of the line above.
        previous_ms: u64,
    },
    /// A pod joins that is there.
    #[error("pod {} joins, but it is there already; let it crash or drain first", Quoted(.pod))]
    AlreadyThere {
        /// Its name.
        pod: String,
    },
    /// A pod goes that is not there.
    #[error("pod {} goes, but it is not there; only pods that were added may", Quoted(.pod))]
    NotThere {
        /// Its name.
        pod: String,
    },
    /// Time passes without any pod.
    #[error("there is no pod from {from_ms} ms on; at least one must be there at any time")]
    NoPods {
        /// Since when.
        from_ms: u64,
    },
    /// The file itself failed.
    #[error("cannot be read: {reason}")]
    Unreadable {
        /// What the operating system says.
        reason: String,
    },
}
