//! What a write survives: how files and the directories that name them get to the disk.

use std::fs::{self, File};
use std::io;
use std::path::Path;

/// What an acknowledged write survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// The machine losing power: every write is synced to the disk.
    Synced,
    /// The process being killed, but not the machine: for tests and demos.
    Unsynced,
}

impl Durability {
    pub(super) fn sync(self, file: &File) -> io::Result<()> {
        match self {
            Self::Synced => file.sync_all(),
            Self::Unsynced => Ok(()),
        }
    }

    /// Makes what was created in a directory, or removed from it, last.
    pub(super) fn sync_directory(self, path: &Path) -> io::Result<()> {
        match self {
            Self::Synced => File::open(path)?.sync_all(),
            Self::Unsynced => Ok(()),
        }
    }

    /// Makes the directories down from `root`; a new one is an entry of its parent, which is therefore synced.
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

    /// Removes a file if it is there, and the directories up to `root` that it leaves empty.
    pub(super) fn remove(self, root: &Path, path: &Path) -> io::Result<()> {
        match fs::remove_file(path) {
            Err(error) if is_missing(&error) => return Ok(()),
            outcome => outcome?,
        }
        let directory = path.parent().unwrap_or(root);
        match self.sync_directory(directory) {
            // A neighbour was removed at the same time, and the directory with it.
            Err(error) if is_missing(&error) => {}
            outcome => outcome?,
        }
        let below_root = directory.ancestors().take_while(|&ancestor| ancestor != root);
        below_root.map(fs::remove_dir).take_while(Result::is_ok).for_each(drop);
        Ok(())
    }
}

/// Missing is also what lies below a file instead of a directory.
pub(super) fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
