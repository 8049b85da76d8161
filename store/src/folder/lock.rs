//! Write locks of objects, within this process and between processes.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::{sleep, timeout};

use super::io_error::io_error;
use crate::{ObjectName, StoreError};

/// Names are hashed to this many locks, which bounds the number of lock files.
const LOCK_COUNT: usize = 64;
/// How long a writer waits for a lock before it fails with `Timeout`.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest pause between two attempts at a lock that another process holds.
const PAUSE_MAX: Duration = Duration::from_millis(20);

#[derive(Debug)]
pub(super) struct Locks {
    folder: PathBuf,
    local: Vec<Arc<Mutex<()>>>,
}

/// Held for a write, released on drop.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
    _local: OwnedMutexGuard<()>,
}

impl Locks {
    pub(super) fn open(folder: PathBuf) -> Result<Self, StoreError> {
        fs::create_dir_all(&folder).map_err(|source| io_error(&folder, source))?;
        Ok(Self {
            folder,
            local: (0..LOCK_COUNT).map(|_| Arc::default()).collect(),
        })
    }

    /// Acquires the lock of `name`: first the in-process mutex, which is fair, then the file lock against other processes.
    pub(super) async fn acquire(&self, name: &ObjectName, location: &str) -> Result<Lock, StoreError> {
        let number = usize::from(Sha256::digest(name.as_str())[0]) % LOCK_COUNT;
        let both = async {
            let local = Arc::clone(&self.local[number]).lock_owned().await;
            let path = self.folder.join(format!("{number:02x}"));
            let file = lock_file(&path).await.map_err(|source| io_error(&path, source))?;
            Ok(Lock {
                _file: file,
                _local: local,
            })
        };
        match timeout(ACQUIRE_TIMEOUT, both).await {
            Ok(outcome) => outcome,
            Err(_) => Err(StoreError::Timeout {
                location: location.to_owned(),
                after: ACQUIRE_TIMEOUT,
            }),
        }
    }
}

/// Locks a file by polling `try_lock`: a blocking lock call has no deadline and would occupy a thread.
async fn lock_file(path: &Path) -> io::Result<File> {
    let file = File::options().create(true).append(true).open(path)?;
    let mut pause = Duration::from_millis(1);
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) => sleep(jittered(pause)).await,
        }
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

/// Scatters the attempts of writers that wait for the same lock.
fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(rand::random_range(0.5..1.0))
}
