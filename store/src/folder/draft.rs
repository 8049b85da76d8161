//! Atomic writes: a draft file is written and synced, then renamed to the path of the object.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use uuid::Uuid;

use super::durability::Durability;
use super::io_error::io_error;
use super::object_record::ObjectRecord;
use crate::StoreError;

/// Drafts older than this were left behind by a crash: no write takes an hour.
const STALE: Duration = Duration::from_secs(3600);
/// Attempts of a rename while concurrent deletes of neighbours keep removing the empty directory.
const TRY_COUNT: u32 = 16;

/// The folder of drafts.
#[derive(Clone, Debug)]
pub(super) struct Drafts {
    folder: PathBuf,
    durability: Durability,
}

/// A record on disk that no reader can see yet; removed on drop unless committed.
#[derive(Debug)]
pub(super) struct Draft {
    path: PathBuf,
    durability: Durability,
}

impl Drafts {
    pub(super) fn open(folder: PathBuf, durability: Durability) -> Result<Self, StoreError> {
        fs::create_dir_all(&folder)
            .and_then(|()| sweep(&folder))
            .map_err(|source| io_error(&folder, source))?;
        Ok(Self { folder, durability })
    }

    pub(super) fn write(&self, record: &ObjectRecord) -> Result<Draft, StoreError> {
        let draft = Draft {
            path: self.folder.join(Uuid::new_v4().to_string()),
            durability: self.durability,
        };
        let written = File::create_new(&draft.path).and_then(|mut file| {
            record.write_to(&mut file)?;
            self.durability.sync(&file)
        });
        written.map(|()| draft).map_err(|source| io_error(&self.folder, source))
    }
}

impl Draft {
    /// Renames the draft to `path` below `root`; a reader sees the old object or the new one, never a part.
    pub(super) fn commit(self, root: &Path, path: &Path) -> Result<(), StoreError> {
        let mut tries_left = TRY_COUNT;
        loop {
            tries_left -= 1;
            match self.rename(root, path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound && tries_left > 0 => {}
                outcome => return outcome.map_err(|source| io_error(path, source)),
            }
        }
    }

    fn rename(&self, root: &Path, path: &Path) -> io::Result<()> {
        let directory = path.parent().unwrap_or(root);
        self.durability.make_directories(root, directory)?;
        fs::rename(&self.path, path)?;
        self.durability.sync_directory(directory)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // After a commit the file is gone; if removal fails after an error, a later sweep removes it.
        let _ = fs::remove_file(&self.path);
    }
}

/// Removes the drafts of crashed processes. Errors are ignored: another process may remove or commit the same draft meanwhile.
fn sweep(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let written = entry.metadata().and_then(|metadata| metadata.modified());
        let age = written.ok().and_then(|at| SystemTime::now().duration_since(at).ok());
        if age.is_some_and(|age| age > STALE) {
            let _ = fs::remove_file(entry.path());
        }
    }
    Ok(())
}
