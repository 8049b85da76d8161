//! Reading load traces from files.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use emberkeep_sim::load_trace::LoadTrace;

use super::sim_progress::{ProgressStage, SimProgress};
use crate::exit::CommandError;
use crate::file::{invalid, title, unreadable};

/// The size of the read buffer.
const READ_BYTES: usize = 1 << 20;

/// Reads a load trace, and shows progress.
pub(super) fn read(path: &Path, progress: &SimProgress) -> Result<LoadTrace, CommandError> {
    let cannot_read = |error| unreadable("trace", path, error);
    let file = File::open(path).map_err(cannot_read)?;
    let length = file.metadata().map_err(cannot_read)?.len();
    let counted = CountingReader {
        file,
        byte_count: 0,
        stage: progress.stage(&format!("reading {}", title(path)), length),
    };
    LoadTrace::read(BufReader::with_capacity(READ_BYTES, counted)).map_err(|error| invalid("trace", path, error))
}

/// A file that reports its read position as progress.
struct CountingReader<'a> {
    file: File,
    byte_count: u64,
    stage: ProgressStage<'a>,
}

impl Read for CountingReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.byte_count += read as u64;
        self.stage.reach(self.byte_count);
        Ok(read)
    }
}
