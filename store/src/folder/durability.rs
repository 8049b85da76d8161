//! Durability of a write: syncing files, and the directories that hold their entries.

use std::fs::{self, File};
use std::io;
use std::path::Path;

/// The failures that an acknowledged write survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Power loss: every write is synced to disk before it is acknowledged.
    Synced,
    /// A crash of the process, but not of the machine; for tests and demos.
    Unsynced,
}

impl Durability {
    pub(super) fn sync(self, file: &File) -> io::Result<()> {
        match self {
            Self::Synced => file.sync_all(),
            Self::Unsynced => Ok(()),
        }
    }

    /// Makes entries created in or removed from a directory durable.
    pub(super) fn sync_directory(self, path: &Path) -> io::Result<()> {
        match self {
            Self::Synced => File::open(path)?.sync_all(),
            Self::Unsynced => Ok(()),
        }
    }

    /// Creates the directories between `root` and `directory`; the parent of each new one is synced, for it holds the entry.
    pub(super) fn make_directories(self, root: &Path, directory: &Path) -> io::Result<()> {
        if directory == root || directory.is_dir() {
            return Ok(());
        }
        let parent = directory.parent().unwrap_or(root);
        self.make_directories(root, parent)?;
        match fs::create_dir(directory) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            outcome => outcome.and_then(|()| self.sync_directory(parent)),
        }
    }

    /// Removes a file if it exists, and the directories up to `root` that become empty.
    pub(super) fn remove(self, root: &Path, path: &Path) -> io::Result<()> {
        match fs::remove_file(path) {
            Err(error) if is_missing(&error) => return Ok(()),
            outcome => outcome?,
        }
        let directory = path.parent().unwrap_or(root);
        match self.sync_directory(directory) {
            // A concurrent delete of a neighbour removed the directory as well.
            Err(error) if is_missing(&error) => {}
            outcome => outcome?,
        }
        let below_root = directory.ancestors().take_while(|&ancestor| ancestor != root);
        below_root.map(fs::remove_dir).take_while(Result::is_ok).for_each(drop);
        Ok(())
    }
}

/// Whether a path does not exist; a path below a file instead of a directory does not exist either.
pub(super) fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
