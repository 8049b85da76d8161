//! Reads a recording record by record.

use std::io::{self, BufRead, Read};

use emberkeep_core::assigner::{RECORDING_HEADER, RecordingEntry};

use super::error::{RecordingError, RecordingFault};

/// Bounds the length of a record, above that of any record of a target with a million slices.
const RECORD_BYTES_MAX: u32 = 1 << 30;

/// An iterator over the records of a file. An incomplete last record, cut off by a crash of the writer, ends it without an error.
#[derive(Debug)]
pub struct RecordingReader<R> {
    source: R,
    number: u64,
    /// The offset of the last record read.
    offset: u64,
    next_offset: u64,
    torn_bytes: u64,
    has_ended: bool,
}

impl<R: BufRead> RecordingReader<R> {
    /// Opens a recording and reads its header.
    ///
    /// # Errors
    /// When the source is not a recording, or one of another format version.
    pub fn open(mut source: R) -> Result<Self, RecordingError> {
        let header = header_in(&mut source);
        let next_offset = header.map_err(|fault| RecordingError {
            number: 0,
            offset: 0,
            fault,
        })?;
        Ok(Self {
            source,
            number: 0,
            offset: 0,
            next_offset,
            torn_bytes: 0,
            has_ended: false,
        })
    }

    /// The bytes of an incomplete record at the end.
    #[must_use]
    pub const fn torn_bytes(&self) -> u64 {
        self.torn_bytes
    }

    /// An error with the position of the last record read.
    pub(super) const fn error(&self, fault: RecordingFault) -> RecordingError {
        RecordingError {
            number: self.number,
            offset: self.offset,
            fault,
        }
    }

    /// The number of the last record read, counted from 1.
    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    fn read(&mut self) -> Result<Option<RecordingEntry>, RecordingFault> {
        let mut length = [0; 4];
        let found = read_up_to(&mut self.source, &mut length)?;
        let byte_count = u32::from_le_bytes(length);
        if found < length.len() {
            self.torn_bytes = found as u64;
            return Ok(None);
        }
        if byte_count == 0 || byte_count > RECORD_BYTES_MAX {
            let reason = format!("its length is {byte_count} bytes, allowed are 1 to {RECORD_BYTES_MAX}");
            return Err(RecordingFault::Broken { reason });
        }
        let mut bytes = Vec::new();
        (&mut self.source).take(byte_count.into()).read_to_end(&mut bytes)?;
        if bytes.len() < byte_count as usize {
            self.torn_bytes = (length.len() + bytes.len()) as u64;
            return Ok(None);
        }
        let broken = |error: postcard::Error| RecordingFault::Broken {
            reason: error.to_string(),
        };
        let (record, rest) = postcard::take_from_bytes(&bytes).map_err(broken)?;
        if !rest.is_empty() {
            let reason = format!("{} bytes are left over", rest.len());
            return Err(RecordingFault::Broken { reason });
        }
        self.next_offset += (length.len() + bytes.len()) as u64;
        Ok(Some(record))
    }
}

impl<R: BufRead> Iterator for RecordingReader<R> {
    type Item = Result<RecordingEntry, RecordingError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.has_ended {
            return None;
        }
        self.number += 1;
        self.offset = self.next_offset;
        let outcome = self.read().map_err(|fault| self.error(fault)).transpose();
        self.has_ended = !matches!(outcome, Some(Ok(_)));
        outcome
    }
}

/// Reads the header line; returns its length.
fn header_in(source: &mut impl BufRead) -> Result<u64, RecordingFault> {
    let mut header = Vec::new();
    let longest = 64;
    source.take(longest).read_until(b'\n', &mut header)?;
    if header == RECORDING_HEADER.as_bytes() {
        return Ok(header.len() as u64);
    }
    let (kind, _) = RECORDING_HEADER
        .trim_end()
        .rsplit_once(' ')
        .expect("the header ends in its version");
    let found = String::from_utf8_lossy(&header).trim_end().to_owned();
    Err(match found.starts_with(kind) {
        true => RecordingFault::OtherVersion {
            found,
            expected: RECORDING_HEADER,
        },
        false => RecordingFault::NoRecording {
            expected: RECORDING_HEADER,
        },
    })
}

/// Fills `bytes` up to the end of the source; returns the number of bytes read.
fn read_up_to(source: &mut impl Read, bytes: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < bytes.len() {
        match source.read(&mut bytes[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
