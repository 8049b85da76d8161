//! Reading a recording, record by record.

use std::io::{self, BufRead, Read};

use emberkeep_core::assigner::{RECORDING_HEADER, RecordingEntry};

use super::error::{RecordingError, RecordingFault};

/// Longer than any record of a target with a million slices; a greater length is none.
const RECORD_BYTES_MAX: u32 = 1 << 30;

/// An iterator over the records of a file. A record that the writer could not finish ends it: what is before counts.
#[derive(Debug)]
pub struct RecordingReader<R> {
    source: R,
    number: u64,
    /// Where the record that was read last begins.
    offset: u64,
    next_offset: u64,
    torn_bytes: u64,
    has_ended: bool,
}

impl<R: BufRead> RecordingReader<R> {
    /// A reader that has read the header.
    ///
    /// # Errors
    /// When the source is no recording, or one in a form that this version does not read.
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

    /// How many bytes at the end belong to a record that was never finished.
    #[must_use]
    pub const fn torn_bytes(&self) -> u64 {
        self.torn_bytes
    }

    /// What is wrong with the record that was read last.
    pub(super) const fn error(&self, fault: RecordingFault) -> RecordingError {
        RecordingError {
            number: self.number,
            offset: self.offset,
            fault,
        }
    }

    /// How many records have been read.
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
            let reason = format!("it is {byte_count} bytes long, allowed is 1 to {RECORD_BYTES_MAX}");
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
            let reason = format!("{} bytes of it have no meaning", rest.len());
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

/// Reads the first line; answers how long it is.
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

/// Fills `bytes` as far as the source reaches; answers how far.
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
