//! The HTML page that a command writes at its end.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};

use crate::exit::CommandError;
use crate::file::unwritable;

/// A file for a page that could be opened, so that an unwritable path is rejected before a long run.
#[derive(Debug)]
pub(super) struct PageFile(PathBuf);

impl PageFile {
    /// Opens the file of the option `--html`, if it is given; never `read`, a file that the command reads. The content stays
    /// until the page is written.
    pub(super) fn open(path: Option<&Path>, read: Option<&Path>) -> Result<Option<Self>, CommandError> {
        let Some(path) = path else { return Ok(None) };
        let is_same = |read: &Path| matches!((read.canonicalize(), path.canonicalize()), (Ok(a), Ok(b)) if a == b);
        if read.is_some_and(is_same) {
            return Err(unwritable(path, "it would replace the file that is read"));
        }
        let opened = OpenOptions::new().write(true).create(true).truncate(false).open(path);
        opened.map_err(|error| unwritable(path, error))?;
        Ok(Some(Self(path.to_owned())))
    }

    /// Replaces the content by the page.
    pub(super) fn write(self, page: &str) -> Result<(), CommandError> {
        let Self(path) = self;
        fs::write(&path, page).map_err(|error| unwritable(&path, error))
    }
}
