//! A store whose reads wait until the test lets them through.

use bytes::Bytes;
use emberkeep_slicelet::{Store, StoreError};
use emberkeep_store::{ETag, Expect, NameRange, ObjectName, ObjectStore, Page, Read};
use tokio_util::sync::CancellationToken;

/// Everything goes through to the store behind, reads once `opened` is cancelled.
#[derive(Debug)]
pub(crate) struct Gate {
    pub(crate) store: Store,
    pub(crate) opened: CancellationToken,
}

#[tonic::async_trait]
impl ObjectStore for Gate {
    async fn get(&self, name: &ObjectName, unless: Option<&ETag>) -> Result<Read, StoreError> {
        self.opened.cancelled().await;
        self.store.get(name, unless).await
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
