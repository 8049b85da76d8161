//! Errors in recordings, with their position in the file.

use std::io;

use thiserror::Error;

/// The first error in a recording, with its position.
#[derive(Debug, Error)]
#[error("record {number}, at byte {offset}: {fault}")]
pub struct RecordingError {
    /// The number of the record; the header is number 0.
    pub number: u64,
    /// The offset of the record in the file, in bytes.
    pub offset: u64,
    /// The error in that record.
    pub fault: RecordingFault,
}

/// An error in a record.
#[derive(Debug, Error)]
#[allow(missing_docs, reason = "the messages name the fields")]
pub enum RecordingFault {
    /// An I/O error while the recording is read.
    #[error("cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    /// The file does not begin with the header of a recording.
    #[error("not a recording: the file must begin with {:?}", .expected.trim_end())]
    NoRecording { expected: &'static str },
    /// The file is a recording of another format version.
    #[error("the file has format {found:?}, this version reads {:?}", .expected.trim_end())]
    OtherVersion { found: String, expected: &'static str },
    /// The bytes do not decode to a record.
    #[error("the record is damaged: {reason}")]
    Broken { reason: String },
    /// The record contradicts earlier records.
    #[error("the record does not match the records before it: {reason}")]
    Inconsistent { reason: String },
}
