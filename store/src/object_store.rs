//! The trait that every backend implements.

use std::fmt::Debug;

use async_trait::async_trait;
use bytes::Bytes;

use crate::{ETag, NameRange, ObjectName, Page, StoreError};

/// The largest object, in bytes: objects are held in memory as a whole.
pub const OBJECT_BYTES_MAX: u64 = 1 << 30;

/// Objects of bytes with conditional writes, ordered by name.
///
/// Every call ends: each backend has a deadline of its own, after which it returns [`StoreError::Timeout`]. Reads are
/// linearizable: a read sees every write that was acknowledged before it began, and never a part of one.
#[async_trait]
pub trait ObjectStore: Debug + Send + Sync + 'static {
    /// Reads an object; with `unless`, its content is sent only if it is another version (`If-None-Match`).
    async fn get(&self, name: &ObjectName, unless: Option<&ETag>) -> Result<Read, StoreError>;

    /// Writes an object if `expect` holds; returns its new version once it is durable.
    ///
    /// After [`StoreError::PreconditionFailed`] nothing was written. After [`StoreError::Undecided`], and after any error that
    /// [is retryable](StoreError::is_retryable), the write may have been applied: read the object and compare its content.
    async fn put(&self, name: &ObjectName, bytes: Bytes, expect: Expect) -> Result<ETag, StoreError>;

    /// Lists the first objects of `range`, at most `count_max`, ordered by the bytes of their names.
    async fn list(&self, range: &NameRange, count_max: usize) -> Result<Page, StoreError>;

    /// Deletes an object; a missing object is no error.
    ///
    /// Never conditional, because few servers support that. To delete only a known version, overwrite it with an empty object by a
    /// conditional [`put`](ObjectStore::put).
    async fn delete(&self, name: &ObjectName) -> Result<(), StoreError>;

    /// The location of the objects, for logs and error messages.
    fn location(&self) -> &str;
}

/// An object as read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// The whole content, at most [`OBJECT_BYTES_MAX`] bytes.
    pub bytes: Bytes,
    /// The version of the content, for later conditional reads and writes.
    pub etag: ETag,
}

/// The outcome of [`ObjectStore::get`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Read {
    /// The object exists, in another version than the caller has.
    Found(Object),
    /// The object is still the version that the caller has.
    NotModified,
    /// No object has that name.
    Missing,
}

/// The condition under which [`ObjectStore::put`] writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Unconditional: create or overwrite.
    Anything,
    /// No object has that name (`If-None-Match: *`).
    Absent,
    /// The object is still this version (`If-Match`).
    Matches(ETag),
}

/// Rejects an object above [`OBJECT_BYTES_MAX`].
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
