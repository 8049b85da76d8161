//! Errors of the file system as errors of the store.

use std::io;
use std::path::Path;

use crate::StoreError;

/// The error of an operation on `path` that the operating system failed.
pub(super) fn io_error(path: &Path, source: io::Error) -> StoreError {
    StoreError::Io {
        path: path.to_owned(),
        source,
    }
}
