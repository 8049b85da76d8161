//! The reads of the object store by all pods, recorded so that `kill -9` of a pod loses none.
//!
//! Each pod appends the size of each object that the store returned to its own file. A write accepted by the operating
//! system survives the process.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use emberkeep_store::{ETag, Expect, NameRange, ObjectName, ObjectStore, Page, Read, Store, StoreError};

use crate::LabError;

const ENTRY_SIZE: usize = size_of::<u64>();

/// A store that records each read.
#[derive(Debug)]
pub(crate) struct LedgeredStore {
    store: Store,
    ledger: Mutex<File>,
}

impl LedgeredStore {
    /// Appends to the ledger if it exists.
    pub(crate) fn open(store: Store, ledger: &Path) -> Result<Self, LabError> {
        let cannot = |error| LabError::failed(format!("cannot write {}: {error}", ledger.display()));
        let file = File::options().create(true).append(true).open(ledger).map_err(cannot)?;
        Ok(Self {
            store,
            ledger: Mutex::new(file),
        })
    }

    fn record(&self, size: usize) {
        // The file is consistent after each write, even if a writer panicked.
        let mut ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = ledger.write_all(&(size as u64).to_be_bytes()) {
            tracing::error!(%error, "a read of the store could not be recorded");
        }
    }
}

#[async_trait]
impl ObjectStore for LedgeredStore {
    async fn get(&self, name: &ObjectName, unless: Option<&ETag>) -> Result<Read, StoreError> {
        let read = self.store.get(name, unless).await?;
        self.record(match &read {
            Read::Found(object) => object.bytes.len(),
            Read::NotModified | Read::Missing => 0,
        });
        Ok(read)
    }

    async fn put(&self, name: &ObjectName, bytes: Bytes, expect: Expect) -> Result<ETag, StoreError> {
        self.store.put(name, bytes, expect).await
    }

    async fn list(&self, range: &NameRange, count_max: usize) -> Result<Page, StoreError> {
        self.store.list(range, count_max).await
    }

    async fn delete(&self, name: &ObjectName) -> Result<(), StoreError> {
        self.store.delete(name).await
    }

    fn location(&self) -> &str {
        self.store.location()
    }
}

/// The reads of all pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ReadTotals {
    pub(crate) count: u64,
    pub(crate) bytes: u64,
}

impl ReadTotals {
    /// Adds up the ledgers in a folder. An incomplete entry is skipped: its read was never returned to the caller.
    pub(crate) fn in_folder(folder: &Path) -> io::Result<Self> {
        let mut reads = Self::default();
        for ledger in fs::read_dir(folder)? {
            let content = fs::read(ledger?.path())?;
            for entry in content.as_chunks::<ENTRY_SIZE>().0 {
                reads.count += 1;
                reads.bytes += u64::from_be_bytes(*entry);
            }
        }
        Ok(reads)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn reads_of_several_pods_are_added_up() {
        let folder = tempfile::tempdir().unwrap();
        let ledgers = folder.path().join("reads");
        fs::create_dir(&ledgers).unwrap();
        let store = Store::folder(folder.path().join("objects")).await.unwrap();
        let name = ObjectName::new("demo/a").unwrap();
        store
            .put(&name, Bytes::from_static(b"four"), Expect::Absent)
            .await
            .unwrap();

        for pod in ["pod-1", "pod-2"] {
            let ledgered = LedgeredStore::open(store.clone(), &ledgers.join(pod)).unwrap();
            ledgered.get(&name, None).await.unwrap();
        }
        assert_eq!(
            ReadTotals::in_folder(&ledgers).unwrap(),
            ReadTotals { count: 2, bytes: 8 }
        );
    }
}
