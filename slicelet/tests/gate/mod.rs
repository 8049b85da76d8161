//! A store whose reads and writes wait until the test lets them through.

use bytes::Bytes;
use emberkeep_slicelet::{Store, StoreError};
use emberkeep_store::{ETag, Expect, NameRange, ObjectName, ObjectStore, Page, Read};
use tokio::sync::watch;

/// Lets through while it is open. Copies are the same door.
#[derive(Debug, Clone)]
pub(crate) struct Door(watch::Sender<bool>);

impl Door {
    pub(crate) fn new(is_open: bool) -> Self {
        Self(watch::Sender::new(is_open))
    }

    pub(crate) fn open(&self) {
        self.0.send_replace(true);
    }

    pub(crate) fn shut(&self) {
        self.0.send_replace(false);
    }

    async fn pass(&self) {
        self.0.subscribe().wait_for(|is_open| *is_open).await.unwrap();
    }
}

/// Everything goes through to the store behind, reads and writes each by their door.
#[derive(Debug)]
pub(crate) struct Gate {
    pub(crate) store: Store,
    pub(crate) reads: Door,
    pub(crate) writes: Door,
}

#[tonic::async_trait]
impl ObjectStore for Gate {
    async fn get(&self, name: &ObjectName, unless: Option<&ETag>) -> Result<Read, StoreError> {
        self.reads.pass().await;
        self.store.get(name, unless).await
    }

    async fn put(&self, name: &ObjectName, bytes: Bytes, expect: Expect) -> Result<ETag, StoreError> {
        self.writes.pass().await;
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
