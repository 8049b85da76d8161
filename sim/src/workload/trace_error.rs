//! Errors in request traces, worded for the author of the file.

use super::limits::{KEY_BYTES_MAX, LINE_BYTES_MAX};
use crate::quoted::Quoted;

/// The first error in a trace, with its line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {fault}")]
pub struct TraceError {
    /// The line in the file; the header is line 1.
    pub line: u64,
    /// The error on that line.
    pub fault: TraceFault,
}

/// An error on one line of a trace.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages name the fields")]
pub enum TraceFault {
    /// The file ends before its header.
    #[error("the trace is empty, it must begin with the header at_ms,key,load")]
    Empty,
    /// The first line is not the header.
    #[error("the header is {}, it must be at_ms,key,load", Quoted(.found))]
    Header { found: String },
    /// The file ends after its header.
    #[error("the trace has a header but no request")]
    NoRequest,
    /// A line beyond the limit: probably not a trace.
    #[error("the line is longer than {LINE_BYTES_MAX} bytes; a row is at_ms,key,load")]
    LineTooLong,
    /// The line is not UTF-8.
    #[error("the line is not valid UTF-8")]
    NotText,
    /// A row must have three fields.
    #[error("expected 3 fields, found {found}; a row is at_ms,key,load")]
    FieldCount { found: usize },
    /// The time is not a whole number of milliseconds.
    #[error("at_ms {} is not a whole number of milliseconds; a row is at_ms,key,load", Quoted(.at_ms))]
    AtNotANumber { at_ms: String },
    /// A time before that of the previous row.
    #[error("at_ms {at_ms} is before {previous_ms}, the time of the row above; rows are ordered by time")]
    OutOfOrder { at_ms: u64, previous_ms: u64 },
    /// The key has no bytes.
    #[error("the key is empty; a row is at_ms,key,load")]
    KeyEmpty,
    /// The key exceeds the limit for slice keys.
    #[error("the key has {byte_count} bytes, at most {KEY_BYTES_MAX} are allowed")]
    KeyTooLong { byte_count: usize },
    /// The key is quoted. Quotes are not supported and would become part of the key.
    #[error("the key {} is quoted, write it without quotes", Quoted(.key))]
    KeyQuoted { key: String },
    /// The load is not an unsigned decimal number.
    #[error("load {} is not a number; a row is at_ms,key,load", Quoted(.load))]
    LoadNotANumber { load: String },
    /// A load of 0, which no balancer could take into account.
    #[error("load is 0, it must be above 0")]
    LoadZero,
    /// The load has more than the three decimals of milli-units.
    #[error("load {} has more than three decimals", Quoted(.load))]
    LoadTooFine { load: String },
    /// The load in milli-units does not fit into 64 bits.
    #[error("load {} is above 18446744073709551.615", Quoted(.load))]
    LoadTooLarge { load: String },
    /// The trace cannot be read; the reason is the text of the I/O error.
    #[error("cannot be read: {reason}")]
    Unreadable { reason: String },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_sentence_with_its_line() {
        let fault = TraceFault::LoadNotANumber { load: "abc".into() };
        let error = TraceError { line: 17, fault };
        assert_eq!(
            error.to_string(),
            r#"line 17: load "abc" is not a number; a row is at_ms,key,load"#
        );
    }

    #[test]
    fn long_and_unprintable_input_is_truncated_and_escaped() {
        let found = format!("\u{1b}[2J{}", "ä".repeat(500));
        let shown = TraceFault::Header { found }.to_string();
        assert!(shown.starts_with(r#"the header is "\u{1b}[2Jä"#), "{shown}");
        assert!(shown.chars().count() < 120, "{shown}");
    }
}
