//! Object stores that pass everything through to another store, except for what a decorator does to reads and writes.

use std::fmt::Debug;

use bytes::Bytes;
use emberkeep_store::{ETag, Expect, NameRange, ObjectName, ObjectStore, Page, Read, Store, StoreError};

/// Handles reads and writes on their way to `inner`; operations that are not overridden pass through.
#[tonic::async_trait]
pub trait StoreDecorator: Debug + Send + Sync + Sized + 'static {
    /// Reads an object, as [`ObjectStore::get`].
    async fn get(&self, inner: &Store, name: &ObjectName, unless: Option<&ETag>) -> Result<Read, StoreError> {
        inner.get(name, unless).await
    }

    /// Writes an object, as [`ObjectStore::put`].
    async fn put(&self, inner: &Store, name: &ObjectName, bytes: Bytes, expect: Expect) -> Result<ETag, StoreError> {
        inner.put(name, bytes, expect).await
    }

    /// A store whose operations go to `inner` through this decorator.
    fn decorate(self, inner: &Store) -> Store {
        Store::new(DecoratedStore {
            inner: inner.clone(),
            decorator: self,
        })
    }
}

#[derive(Debug)]
struct DecoratedStore<D> {
    inner: Store,
    decorator: D,
}

#[tonic::async_trait]
impl<D: StoreDecorator> ObjectStore for DecoratedStore<D> {
    async fn get(&self, name: &ObjectName, unless: Option<&ETag>) -> Result<Read, StoreError> {
        self.decorator.get(&self.inner, name, unless).await
    }

    async fn put(&self, name: &ObjectName, bytes: Bytes, expect: Expect) -> Result<ETag, StoreError> {
        self.decorator.put(&self.inner, name, bytes, expect).await
    }

    async fn list(&self, range: &NameRange, count_max: usize) -> Result<Page, StoreError> {
        self.inner.list(range, count_max).await
    }

    async fn delete(&self, name: &ObjectName) -> Result<(), StoreError> {
        self.inner.delete(name).await
    }

    fn location(&self) -> &str {
        self.inner.location()
    }
}
