//! The format of a folder, written down in it, so that no version misreads another's.

use std::fs;
use std::io;
use std::path::Path;

use uuid::Uuid;

use super::io_error::io_error;
use crate::StoreError;

const FORMAT: &str = "emberkeep folder 1";

/// Marks a new folder with our format, and refuses a folder with another.
pub(super) fn claim(root: &Path, own: &Path) -> Result<(), StoreError> {
    let path = own.join("format");
    match fs::read_to_string(&path) {
        Ok(found) if found.trim_end() == FORMAT => Ok(()),
        Ok(found) => Err(StoreError::OtherVersion {
            path: root.to_owned(),
            found: found.trim_end().to_owned(),
            supported: FORMAT,
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => mark(own, &path),
        Err(source) => Err(io_error(&path, source)),
    }
}

/// Writes the mark in one step: processes that open a new folder together see all of it or nothing.
fn mark(own: &Path, path: &Path) -> Result<(), StoreError> {
    let draft = own.join(format!("format.{}", Uuid::new_v4()));
    fs::write(&draft, format!("{FORMAT}\n"))
        .and_then(|()| fs::File::open(&draft)?.sync_all())
        .and_then(|()| fs::rename(&draft, path))
        .and_then(|()| fs::File::open(own)?.sync_all())
        .map_err(|source| io_error(path, source))
}
