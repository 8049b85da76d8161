//! The folder below which everything of a dev cluster is kept.
//!
//! ```text
//! format          which version wrote it
//! lock            held while a cluster runs on it
//! assigner-1/     what a member keeps
//! buckets/        what the S3 server keeps
//! objects/        the objects, where there is no server
//! logs/           one file a process, of the last run
//! reads/          what each pod has read from the store, in the last run
//! ```

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::exit::Failure;

const FORMAT: &str = "emberkeep dev 1";

/// An open folder; nobody else opens it meanwhile. A temporary one is removed when this is dropped.
#[derive(Debug)]
pub(crate) struct DataFolder {
    root: PathBuf,
    _lock: File,
    _temporary: Option<TempDir>,
}

impl DataFolder {
    /// Opens the folder, created if missing; without a path, a temporary one.
    pub(crate) fn open(path: Option<PathBuf>) -> Result<Self, Failure> {
        let (root, temporary) = match path {
            Some(path) => (path, None),
            None => {
                let made = tempfile::Builder::new().prefix("emberkeep-dev-").tempdir();
                let made = made.map_err(|error| Failure::failed(format!("cannot make a temporary folder: {error}")))?;
                (made.path().to_owned(), Some(made))
            }
        };
        // Children are told paths, and nobody promises them the same working directory.
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

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn of_member(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// How many members of the assigner have kept something here.
    pub(crate) fn member_count(&self) -> Result<usize, Failure> {
        let entries = fs::read_dir(&self.root).map_err(|error| unusable(&self.root, &error))?;
        let names = entries.flatten().map(|entry| entry.file_name());
        Ok(names
            .filter(|name| name.to_string_lossy().starts_with("assigner-"))
            .count())
    }

    pub(crate) fn buckets(&self) -> PathBuf {
        self.root.join("buckets")
    }

    pub(crate) fn objects(&self) -> PathBuf {
        self.root.join("objects")
    }

    pub(crate) fn log_of(&self, process: &str) -> PathBuf {
        self.root.join("logs").join(format!("{process}.log"))
    }

    pub(crate) fn reads(&self) -> PathBuf {
        self.root.join("reads")
    }

    /// Makes a part new for this run.
    fn empty(&self, part: &str) -> Result<(), Failure> {
        let path = self.root.join(part);
        match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(unusable(&path, &error)),
            Ok(()) | Err(_) => {}
        }
        fs::create_dir_all(&path).map_err(|error| unusable(&path, &error))
    }
}

/// Marks a new folder as ours, and refuses what is somebody else's.
fn claim(root: &Path) -> Result<(), Failure> {
    let path = root.join("format");
    match fs::read_to_string(&path) {
        Ok(found) if found.trim_end() == FORMAT => Ok(()),
        Ok(found) => Err(Failure::bad_input(format!(
            "data folder {} has format {:?}, this version reads {FORMAT:?}: use another folder, or the version that wrote it",
            root.display(),
            found.trim_end().chars().take(80).collect::<String>(),
        ))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => mark(root, &path),
        Err(error) => Err(unusable(&path, &error)),
    }
}

fn mark(root: &Path, path: &Path) -> Result<(), Failure> {
    let mut content = fs::read_dir(root).map_err(|error| unusable(root, &error))?;
    if content.next().is_some() {
        return Err(Failure::bad_input(format!(
            "folder {} holds something else: give an empty one, or one that emberkeep dev has made",
            root.display()
        )));
    }
    // Renamed into place, so that a crash leaves no half of it.
    let draft = root.join("format.draft");
    fs::write(&draft, format!("{FORMAT}\n"))
        .and_then(|()| File::open(&draft)?.sync_all())
        .and_then(|()| fs::rename(&draft, path))
        .map_err(|error| unusable(path, &error))
}

fn lock(root: &Path) -> Result<File, Failure> {
    let path = root.join("lock");
    let file = File::options().create(true).append(true).open(&path);
    let file = file.map_err(|error| unusable(&path, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Failure::bad_input(format!(
            "data folder {} is in use by another emberkeep dev: stop that one, or use another folder",
            root.display()
        ))),
        Err(TryLockError::Error(error)) => Err(unusable(&path, &error)),
    }
}

fn unusable(path: &Path, error: &io::Error) -> Failure {
    Failure::bad_input(format!("cannot use {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(path: &Path) -> Result<DataFolder, Failure> {
        DataFolder::open(Some(path.to_owned()))
    }

    fn complaint(path: &Path) -> String {
        match open(path).unwrap_err() {
            Failure::BadInput(sentence) => sentence,
            Failure::Failed(sentence) => panic!("not bad input: {sentence}"),
        }
    }

    #[test]
    fn a_new_folder_is_ours_and_stays_so() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("new/data");
        drop(open(&path).unwrap());
        assert!(open(&path).unwrap().reads().is_dir());
    }

    #[test]
    fn a_folder_of_another_version_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("format"), "emberkeep dev 2\n").unwrap();
        let sentence = complaint(folder.path());
        assert!(
            sentence.contains(r#"has format "emberkeep dev 2", this version reads "emberkeep dev 1""#),
            "{sentence}"
        );
    }

    #[test]
    fn a_folder_of_somebody_else_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("thesis.txt"), "").unwrap();
        assert!(complaint(folder.path()).contains("holds something else"));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn one_folder_serves_one_cluster_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let first = open(folder.path()).unwrap();
        assert!(complaint(folder.path()).contains("in use by another emberkeep dev"));
        drop(first);
        open(folder.path()).unwrap();
    }

    #[test]
    fn a_temporary_folder_goes_with_its_cluster() {
        let folder = DataFolder::open(None).unwrap();
        let root = folder.root().to_owned();
        assert!(root.is_dir());
        drop(folder);
        assert!(!root.exists());
    }
}
