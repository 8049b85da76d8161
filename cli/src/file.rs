//! Files that a command reads and writes, and the program that it starts.

use std::fmt::Display;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use emberkeep_sim::workload::RequestTrace;

use crate::exit::CommandError;

/// Creates a file. Before any process is started, an unwritable path is rejected at once.
pub(crate) fn create(path: &Path) -> Result<File, CommandError> {
    File::create(path).map_err(|error| unwritable(path, error))
}

/// The rejection of a file that cannot be written.
pub(crate) fn unwritable(path: &Path, error: impl Display) -> CommandError {
    CommandError::bad_input(format!("cannot write {}: {error}", path.display()))
}

/// The rejection of a file that cannot be read; `what` is the kind of its content.
pub(crate) fn unreadable(what: &str, path: &Path, error: impl Display) -> CommandError {
    CommandError::bad_input(format!("cannot read {what} {}: {error}", path.display()))
}

/// The rejection of a file with invalid content; the error says where.
pub(crate) fn invalid(what: &str, path: &Path, error: impl Display) -> CommandError {
    CommandError::bad_input(format!("{what} {}, {error}", path.display()))
}

/// Reads recorded requests; an error names the line.
pub(crate) fn request_trace(path: &Path) -> Result<RequestTrace, CommandError> {
    let file = File::open(path).map_err(|error| unreadable("trace", path, error))?;
    RequestTrace::read(BufReader::new(file)).map_err(|error| invalid("trace", path, error))
}

/// The title of a trace: its file name without folder and extension.
pub(crate) fn title(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// This binary, to run its hidden commands.
pub(crate) fn this_program() -> Result<PathBuf, CommandError> {
    std::env::current_exe().map_err(|error| CommandError::failed(format!("cannot find this program: {error}")))
}
