//! The data folder of a cluster.
//!
//! ```text
//! format          the version that wrote it
//! lock            held while a cluster runs on it
//! assigner-1/     the data of a member
//! buckets/        the data of the S3 server
//! objects/        the objects, without a server
//! logs/           a file per process, of the last run
//! monitoring/     a configuration of Prometheus and its data
//! reads/          each pod's reads of the store, of the last run
//! ```

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::LabError;

const FORMAT: &str = "emberkeep dev 1";

/// An open data folder, locked against other clusters. A temporary one is removed when this is dropped.
#[derive(Debug)]
pub struct DataFolder {
    root: PathBuf,
    _lock: File,
    _temporary: Option<TempDir>,
}

impl DataFolder {
    /// Opens the folder, and creates it if it is missing; without a path, a temporary one. Empties the logs and reads
    /// of the last run.
    ///
    /// # Errors
    /// If it is in use, holds other files, or is of another version.
    pub fn open(path: Option<PathBuf>) -> Result<Self, LabError> {
        let (root, temporary) = match path {
            Some(path) => (path, None),
            None => {
                let made = tempfile::Builder::new().prefix("emberkeep-dev-").tempdir();
                let made =
                    made.map_err(|error| LabError::failed(format!("cannot make a temporary folder: {error}")))?;
                (made.path().to_owned(), Some(made))
            }
        };
        // Processes get absolute paths: their working directory may be another.
        let root = fs::create_dir_all(&root)
            .and_then(|()| root.canonicalize())
            .map_err(|error| unusable(&root, &error))?;
        claim(&root)?;
        let lock = lock(&root)?;
        let folder = Self {
            root,
            _lock: lock,
            _temporary: temporary,
        };
        folder.empty("logs").and_then(|()| folder.empty("reads"))?;
        Ok(folder)
    }

    /// The absolute path of the folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn of_member(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// The number of assigner members with data in this folder.
    pub(super) fn member_count(&self) -> Result<usize, LabError> {
        let entries = fs::read_dir(&self.root).map_err(|error| unusable(&self.root, &error))?;
        let names = entries.flatten().map(|entry| entry.file_name());
        Ok(names
            .filter(|name| name.to_string_lossy().starts_with("assigner-"))
            .count())
    }

    pub(crate) fn buckets(&self) -> PathBuf {
        self.root.join("buckets")
    }

    pub(super) fn objects(&self) -> PathBuf {
        self.root.join("objects")
    }

    pub(crate) fn monitoring(&self) -> PathBuf {
        self.root.join("monitoring")
    }

    /// The log of the process of that name.
    pub fn log_of(&self, process: &str) -> PathBuf {
        self.root.join("logs").join(format!("{process}.log"))
    }

    pub(crate) fn reads(&self) -> PathBuf {
        self.root.join("reads")
    }

    /// Empties or creates a subfolder.
    fn empty(&self, part: &str) -> Result<(), LabError> {
        let path = self.root.join(part);
        match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(unusable(&path, &error)),
            Ok(()) | Err(_) => {}
        }
        fs::create_dir_all(&path).map_err(|error| unusable(&path, &error))
    }
}

/// Marks a new folder, and refuses a folder of another version or with other content.
fn claim(root: &Path) -> Result<(), LabError> {
    let path = root.join("format");
    match fs::read_to_string(&path) {
        Ok(found) if found.trim_end() == FORMAT => Ok(()),
        Ok(found) => Err(LabError::bad_input(format!(
            "data folder {} has format {:?}, this version reads {FORMAT:?}: use another folder, or the version that wrote it",
            root.display(),
            found.trim_end().chars().take(80).collect::<String>(),
        ))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => mark(root, &path),
        Err(error) => Err(unusable(&path, &error)),
    }
}

fn mark(root: &Path, path: &Path) -> Result<(), LabError> {
    let mut content = fs::read_dir(root).map_err(|error| unusable(root, &error))?;
    if content.next().is_some() {
        return Err(LabError::bad_input(format!(
            "folder {} holds other files: use an empty folder, or one that emberkeep dev has made",
            root.display()
        )));
    }
    // Renamed into place: after a crash it is complete or missing.
    let draft = root.join("format.draft");
    fs::write(&draft, format!("{FORMAT}\n"))
        .and_then(|()| File::open(&draft)?.sync_all())
        .and_then(|()| fs::rename(&draft, path))
        .map_err(|error| unusable(path, &error))
}

fn lock(root: &Path) -> Result<File, LabError> {
    let path = root.join("lock");
    let file = File::options().create(true).append(true).open(&path);
    let file = file.map_err(|error| unusable(&path, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(LabError::bad_input(format!(
            "data folder {} is in use by another emberkeep dev: stop that one, or use another folder",
            root.display()
        ))),
        Err(TryLockError::Error(error)) => Err(unusable(&path, &error)),
    }
}

fn unusable(path: &Path, error: &io::Error) -> LabError {
    LabError::bad_input(format!("cannot use {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(path: &Path) -> Result<DataFolder, LabError> {
        DataFolder::open(Some(path.to_owned()))
    }

    fn refusal(path: &Path) -> String {
        match open(path).unwrap_err() {
            LabError::BadInput(sentence) => sentence,
            LabError::Failed(sentence) => panic!("not bad input: {sentence}"),
        }
    }

    #[test]
    fn a_new_folder_can_be_opened_again() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("new/data");
        drop(open(&path).unwrap());
        assert!(open(&path).unwrap().reads().is_dir());
    }

    #[test]
    fn a_folder_of_another_version_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("format"), "emberkeep dev 2\n").unwrap();
        let sentence = refusal(folder.path());
        assert!(
            sentence.contains(r#"has format "emberkeep dev 2", this version reads "emberkeep dev 1""#),
            "{sentence}"
        );
    }

    #[test]
    fn a_folder_with_other_files_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("thesis.txt"), "").unwrap();
        assert!(refusal(folder.path()).contains("holds other files"));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_folder_is_locked_by_its_cluster() {
        let folder = tempfile::tempdir().unwrap();
        let first = open(folder.path()).unwrap();
        assert!(refusal(folder.path()).contains("in use by another emberkeep dev"));
        drop(first);
        open(folder.path()).unwrap();
    }

    #[test]
    fn a_temporary_folder_is_removed_with_its_cluster() {
        let folder = DataFolder::open(None).unwrap();
        let root = folder.root().to_owned();
        assert!(root.is_dir());
        drop(folder);
        assert!(!root.exists());
    }
}
