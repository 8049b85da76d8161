//! What the pods read from the store, written down so that not even `kill -9` of a pod loses count.
//!
//! Each pod appends one number to a file of its own for each answer of the store: the object's size. What was handed to
//! the system survives the process.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use emberkeep_store::{ETag, Expect, NameRange, ObjectName, ObjectStore, Page, Read, Store, StoreError};

use crate::exit::Failure;

const ENTRY_SIZE: usize = size_of::<u64>();

/// A store that writes down what is read from it.
#[derive(Debug)]
pub(crate) struct LedgeredStore {
    store: Store,
    ledger: Mutex<File>,
}

impl LedgeredStore {
    /// Goes on with the ledger where there is one.
    pub(crate) fn open(store: Store, ledger: &Path) -> Result<Self, Failure> {
        let cannot = |error| Failure::failed(format!("cannot write {}: {error}", ledger.display()));
        let file = File::options().create(true).append(true).open(ledger).map_err(cannot)?;
        Ok(Self {
            store,
            ledger: Mutex::new(file),
        })
    }

    fn write_down(&self, size: usize) {
        // The file is whole after each write, even if a writer panicked.
        let mut ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = ledger.write_all(&(size as u64).to_be_bytes()) {
            tracing::error!(%error, "a read of the store could not be written down");
        }
    }
}

#[async_trait]
impl ObjectStore for LedgeredStore {
    async fn get(&self, name: &ObjectName, unless: Option<&ETag>) -> Result<Read, StoreError> {
        let read = self.store.get(name, unless).await?;
        self.write_down(match &read {
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

    fn place(&self) -> &str {
        self.store.place()
    }
}

/// What all pods together have read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Reads {
    pub(crate) count: u64,
    pub(crate) bytes: u64,
}

impl Reads {
    /// Adds up the ledgers in a folder. An entry that was cut short is of a read that nobody was answered.
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
        let place = tempfile::tempdir().unwrap();
        let ledgers = place.path().join("reads");
        fs::create_dir(&ledgers).unwrap();
        let store = Store::folder(place.path().join("objects")).await.unwrap();
        let name = ObjectName::new("demo/a").unwrap();
        store
            .put(&name, Bytes::from_static(b"four"), Expect::Absent)
            .await
            .unwrap();

        for pod in ["pod-1", "pod-2"] {
            let ledgered = LedgeredStore::open(store.clone(), &ledgers.join(pod)).unwrap();
            ledgered.get(&name, None).await.unwrap();
        }
        assert_eq!(Reads::in_folder(&ledgers).unwrap(), Reads { count: 2, bytes: 8 });
    }
}
