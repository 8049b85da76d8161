//! The format version of a folder, stored in it, so that no release misreads the files of another.

use std::fs;
use std::io;
use std::path::Path;

use uuid::Uuid;

use super::io_error::io_error;
use crate::StoreError;

const FORMAT: &str = "emberkeep folder 1";

/// Writes the format of a new folder; rejects a folder with another format.
pub(super) fn claim(root: &Path, own: &Path) -> Result<(), StoreError> {
    let path = own.join("format");
    match fs::read_to_string(&path) {
        Ok(found) if found.trim_end() == FORMAT => Ok(()),
        Ok(found) => Err(StoreError::OtherVersion {
            path: root.to_owned(),
            found: found.trim_end().to_owned(),
            supported: FORMAT,
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => write_format(own, &path),
        Err(source) => Err(io_error(&path, source)),
    }
}

/// Writes the format file by a rename: processes that open a new folder at the same time see all of it or nothing.
fn write_format(own: &Path, path: &Path) -> Result<(), StoreError> {
    let draft = own.join(format!("format.{}", Uuid::new_v4()));
    fs::write(&draft, format!("{FORMAT}\n"))
        .and_then(|()| fs::File::open(&draft)?.sync_all())
        .and_then(|()| fs::rename(&draft, path))
        .and_then(|()| fs::File::open(own)?.sync_all())
        .map_err(|source| io_error(path, source))
}
