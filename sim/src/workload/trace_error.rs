//! What can be wrong with a request trace, in the words of whoever has to mend the file.

use super::limits::{KEY_BYTES_MAX, LINE_BYTES_MAX};
use crate::quoted::Quoted;

/// The first thing wrong in a trace, and the line it stands on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {fault}")]
pub struct TraceError {
    /// The line in the file; the header is line 1.
    pub line: u64,
    /// What is wrong there.
    pub fault: TraceFault,
}

/// What is wrong with one line of a trace.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TraceFault {
    /// The file ends before its header.
    #[error("the trace is empty, it must begin with the header at_ms,key,load")]
    Empty,
    /// The first line is not the header.
    #[error("the header is {}, it must be at_ms,key,load", Quoted(.found))]
    Header {
        /// The first line.
        found: String,
    },
    /// The file ends after its header.
    #[error("the trace has a header and no request")]
    NoRequest,
    /// More bytes than any row needs, so this is not a trace.
    #[error("the line is longer than {LINE_BYTES_MAX} bytes; a row is at_ms,key,load")]
    LineTooLong,
    /// The line is not UTF-8.
    #[error("the line is not valid UTF-8")]
    NotText,
    /// Not three fields.
    #[error("expected 3 fields, found {found}; a row is at_ms,key,load")]
    FieldCount {
        /// How many there are.
        found: usize,
    },
    /// The time is not a whole number of milliseconds.
    #[error("at_ms {} is not a whole number of milliseconds; a row is at_ms,key,load", Quoted(.at_ms))]
    AtNotANumber {
        /// The field as written.
        at_ms: String,
    },
    /// The time is before that of the row above.
    #[error("at_ms {at_ms} is before {previous_ms}, the time of the row above; rows are ordered by time")]
    OutOfOrder {
        /// This row's time.
        at_ms: u64,
        /// The time of the row above.
        previous_ms: u64,
    },
    /// The key has no bytes.
    #[error("the key is empty; a row is at_ms,key,load")]
    KeyEmpty,
    /// The key is longer than a trace may ask for.
    #[error("the key has {byte_count} bytes, at most {KEY_BYTES_MAX} are allowed")]
    KeyTooLong {
        /// Its length.
        byte_count: usize,
    },
    /// The key is in quotes, which a trace does not have: they would become part of the key.
    #[error("the key {} is in quotes, keys are written without", Quoted(.key))]
    KeyQuoted {
        /// The field as written.
        key: String,
    },
    /// The load is no decimal number without a sign.
    #[error("load {} is not a number; a row is at_ms,key,load", Quoted(.load))]
    LoadNotANumber {
        /// The field as written.
        load: String,
    },
    /// A request without a cost would be invisible to balancing.
    #[error("load is 0, it must be above 0")]
    LoadZero,
    /// The load is finer than the milli-units it is counted in.
    #[error("load {} has more than three decimals", Quoted(.load))]
    LoadTooFine {
        /// The field as written.
        load: String,
    },
    /// The load in milli-units does not fit into 64 bits.
    #[error("load {} is above 18446744073709551.615", Quoted(.load))]
    LoadTooLarge {
        /// The field as written.
        load: String,
    },
    /// The file itself failed.
    #[error("cannot be read: {reason}")]
    Unreadable {
        /// What the operating system says.
        reason: String,
    },
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
    fn long_and_unprintable_input_is_shown_short_and_escaped() {
        let found = format!("\u{1b}[2J{}", "ä".repeat(500));
        let shown = TraceFault::Header { found }.to_string();
        assert!(shown.starts_with(r#"the header is "\u{1b}[2Jä"#), "{shown}");
        assert!(shown.chars().count() < 120, "{shown}");
    }
}
