//! What can be wrong with a recording, in the words of whoever has the file.

use std::io;

use thiserror::Error;

/// The first thing wrong in a recording, and where.
#[derive(Debug, Error)]
#[error("record {number}, at byte {offset}: {fault}")]
pub struct RecordingError {
    /// Which record; the header is number 0.
    pub number: u64,
    /// Where it begins in the file.
    pub offset: u64,
    /// What is wrong with it.
    pub fault: RecordingFault,
}

/// What is wrong with a record.
#[derive(Debug, Error)]
pub enum RecordingFault {
    /// The file cannot be read.
    #[error("it cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    /// The file does not begin as recordings do.
    #[error("this is no recording, one begins with {:?}", .expected.trim_end())]
    NoRecording {
        /// How recordings begin.
        expected: &'static str,
    },
    /// The file is a recording in another form.
    #[error("this is {found:?}, this version reads {:?}", .expected.trim_end())]
    OtherVersion {
        /// The first line of the file.
        found: String,
        /// The first line of what can be read.
        expected: &'static str,
    },
    /// The bytes are no record.
    #[error("its bytes are no record: {reason}")]
    Broken {
        /// What is wrong with them.
        reason: String,
    },
    /// The record cannot follow on those before it.
    #[error("it does not follow on the records before it: {reason}")]
    Inconsistent {
        /// Why not.
        reason: String,
    },
}
