//! The logs of a cluster whose test fails.

use std::fs;
use std::path::PathBuf;

use super::data_folder::DataFolder;

/// Prints all logs when dropped by a panic. Must be dropped before the cluster, whose folder may be temporary.
#[derive(Debug)]
pub struct FailureLogs(PathBuf);

impl FailureLogs {
    /// The logs of the cluster in this folder.
    pub fn of(folder: &DataFolder) -> Self {
        Self(folder.root().join("logs"))
    }
}

impl Drop for FailureLogs {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        for log in fs::read_dir(&self.0).into_iter().flatten().flatten() {
            let text = fs::read_to_string(log.path()).unwrap_or_default();
            eprintln!("{}:\n{text}", log.path().display());
        }
    }
}
