//! Files that a command writes, and the program that it starts.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::exit::CommandError;

/// Creates a file before any process is started, so that an unwritable path is rejected at once.
pub(crate) fn create(path: &Path) -> Result<File, CommandError> {
    File::create(path).map_err(|error| CommandError::bad_input(format!("cannot write {}: {error}", path.display())))
}

/// This binary, to run its hidden commands.
pub(crate) fn this_program() -> Result<PathBuf, CommandError> {
    std::env::current_exe().map_err(|error| CommandError::failed(format!("cannot find this program: {error}")))
}
