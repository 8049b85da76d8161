//! The one trait every backend implements.

use std::fmt::Debug;

use async_trait::async_trait;
use bytes::Bytes;

use crate::{ETag, NameRange, ObjectName, Page, StoreError};

/// The largest object that is read or written: objects pass through memory whole.
pub const OBJECT_BYTES_MAX: u64 = 1 << 30;

/// Named objects of bytes with conditional writes, ordered by name.
///
/// Every call ends: each backend has its own deadline, after which it answers [`StoreError::Timeout`]. Reads see every write
/// that was acknowledged before the read began, and never a part of one.
#[async_trait]
pub trait ObjectStore: Debug + Send + Sync + 'static {
    /// Reads an object; with `unless`, only if its content is no longer that version.
    async fn get(&self, name: &ObjectName, unless: Option<&ETag>) -> Result<Read, StoreError>;

    /// Writes an object if `expect` holds, and answers its new version once it is durable.
    ///
    /// After [`StoreError::PreconditionFailed`] nothing was written. After [`StoreError::Undecided`], and after any error that
    /// [is retryable](StoreError::is_retryable), the write may have happened: read, and tell by the content.
    async fn put(&self, name: &ObjectName, bytes: Bytes, expect: Expect) -> Result<ETag, StoreError>;

    /// The first objects of `range`, at most `count_max`, ordered by the bytes of their names.
    async fn list(&self, range: &NameRange, count_max: usize) -> Result<Page, StoreError>;

    /// Removes an object; removing one that is not there is no error.
    ///
    /// Never conditional, since few servers can do that: who must not remove another writer's object puts an empty one instead.
    async fn delete(&self, name: &ObjectName) -> Result<(), StoreError>;

    /// Where the objects are, for logs and error messages.
    fn place(&self) -> &str;
}

/// An object's bytes and their version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// The content.
    pub bytes: Bytes,
    /// The version of the content.
    pub etag: ETag,
}

/// What [`ObjectStore::get`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Read {
    /// The object, in a version other than the one the caller has.
    Found(Object),
    /// The object still is the version the caller has.
    NotModified,
    /// There is no such object.
    Missing,
}

/// What must be true for [`ObjectStore::put`] to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Nothing: write over whatever is there.
    Anything,
    /// There is no object of that name (`If-None-Match: *`).
    Absent,
    /// The object still is this version (`If-Match`).
    Matches(ETag),
}

/// Fails for an object larger than any store keeps.
pub(crate) fn require_size(name: &ObjectName, size_bytes: u64) -> Result<(), StoreError> {
    if size_bytes <= OBJECT_BYTES_MAX {
        return Ok(());
    }
    Err(StoreError::TooLarge {
        name: name.clone(),
        size_bytes,
        max_bytes: OBJECT_BYTES_MAX,
    })
}
