//! Objects in a local folder, consistent after crashes and under concurrent writes by other processes.
//!
//! ```text
//! {root}/.emberkeep/format              the format version of the folder
//! {root}/.emberkeep/locks/{00..3f}      lock files of writers
//! {root}/.emberkeep/drafts/{uuid}       writes in progress; those of a crashed process are swept later
//! {root}/{target}/{slice key}/{key}=    an object
//! ```

mod draft;
mod durability;
mod format;
mod io_error;
mod layout;
mod lock;
mod object_record;
mod walk;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use bytes::Bytes;

use self::draft::{Draft, Drafts};
pub use self::durability::Durability;
use self::io_error::io_error;
use self::lock::Locks;
pub(crate) use self::object_record::Header;
use self::object_record::ObjectRecord;
use crate::object_store::require_size;
use crate::request_trace::{StoreOperation, traced};
use crate::{ETag, Expect, NameRange, Object, ObjectName, ObjectStore, Page, Read, StoreError};

/// The subfolder of everything but objects.
const META_FOLDER: &str = ".emberkeep";

/// A store in a local folder.
///
/// Any number of processes may use the same folder at the same time: a write is a rename, so that no reader sees a part of
/// one, and conditional writes hold a file lock. The file system must be case-sensitive, as those of Linux are.
#[derive(Debug)]
pub struct Folder {
    root: PathBuf,
    location: String,
    durability: Durability,
    drafts: Drafts,
    locks: Locks,
}

impl Folder {
    /// Opens a folder, created if missing; rejects a folder of another format.
    pub async fn open(root: impl Into<PathBuf>, durability: Durability) -> Result<Self, StoreError> {
        let root = root.into();
        run_blocking(move || {
            let own = root.join(META_FOLDER);
            fs::create_dir_all(&own).map_err(|source| io_error(&own, source))?;
            format::claim(&root, &own)?;
            Ok(Self {
                location: format!("folder {}", root.display()),
                drafts: Drafts::open(own.join("drafts"), durability)?,
                durability,
                locks: Locks::open(own.join("locks"))?,
                root,
            })
        })
        .await
    }

    /// Writes an object with the name of its writer in the header; see [`Folder::header`].
    pub(crate) async fn put_as(
        &self,
        writer: Option<&str>,
        name: &ObjectName,
        bytes: Bytes,
        expect: Expect,
    ) -> Result<ETag, StoreError> {
        require_size(name, bytes.len() as u64)?;
        let (drafts, writer) = (self.drafts.clone(), writer.map(str::to_owned));
        let (draft, etag) = run_blocking(move || {
            let record = ObjectRecord::new(writer, bytes);
            Ok((drafts.write(&record)?, record.header.etag))
        })
        .await?;
        self.commit(draft, name, expect).await.map(|()| etag)
    }

    async fn remove(&self, name: &ObjectName) -> Result<(), StoreError> {
        let lock = self.locks.acquire(name, &self.location).await?;
        let (root, path) = (self.root.clone(), layout::path_of(&self.root, name));
        let durability = self.durability;
        run_blocking(move || {
            let _lock = lock;
            durability
                .remove(&root, &path)
                .map_err(|source| io_error(&path, source))
        })
        .await
    }

    /// Reads the header of an object without its content.
    #[cfg(feature = "embedded")]
    pub(crate) async fn header(&self, name: &ObjectName) -> Result<Option<Header>, StoreError> {
        let path = layout::path_of(&self.root, name);
        run_blocking(move || object_record::header(&path)).await
    }

    /// Replaces the object by a draft if the stored version is the expected one.
    ///
    /// The lock moves into the blocking closure: if the caller is cancelled, check and rename still happen under the lock.
    async fn commit(&self, draft: Draft, name: &ObjectName, expect: Expect) -> Result<(), StoreError> {
        let lock = self.locks.acquire(name, &self.location).await?;
        let (root, name) = (self.root.clone(), name.clone());
        run_blocking(move || {
            let _lock = lock;
            let path = layout::path_of(&root, &name);
            if is_met(expect, object_record::header(&path)?.as_ref()) {
                draft.commit(&root, &path)
            } else {
                Err(StoreError::PreconditionFailed { name })
            }
        })
        .await
    }
}

#[async_trait]
impl ObjectStore for Folder {
    async fn get(&self, name: &ObjectName, unless: Option<&ETag>) -> Result<Read, StoreError> {
        let path = layout::path_of(&self.root, name);
        let unless = unless.cloned();
        let reading = run_blocking(move || read(&path, unless.as_ref()));
        traced(StoreOperation::Get, &self.location, None, reading).await
    }

    async fn put(&self, name: &ObjectName, bytes: Bytes, expect: Expect) -> Result<ETag, StoreError> {
        let size = Some(bytes.len());
        let writing = self.put_as(None, name, bytes, expect);
        traced(StoreOperation::Put, &self.location, size, writing).await
    }

    async fn list(&self, range: &NameRange, count_max: usize) -> Result<Page, StoreError> {
        let (root, range) = (self.root.clone(), range.clone());
        let listing = run_blocking(move || walk::page(&root, range, count_max));
        traced(StoreOperation::List, &self.location, None, listing).await
    }

    async fn delete(&self, name: &ObjectName) -> Result<(), StoreError> {
        traced(StoreOperation::Delete, &self.location, None, self.remove(name)).await
    }

    fn location(&self) -> &str {
        &self.location
    }
}

fn read(path: &Path, unless: Option<&ETag>) -> Result<Read, StoreError> {
    let Some(stored) = object_record::open(path)? else {
        return Ok(Read::Missing);
    };
    if unless == Some(&stored.header.etag) {
        return Ok(Read::NotModified);
    }
    let etag = stored.header.etag.clone();
    Ok(Read::Found(Object {
        bytes: stored.content()?,
        etag,
    }))
}

fn is_met(expect: Expect, found: Option<&Header>) -> bool {
    match expect {
        Expect::Anything => true,
        Expect::Absent => found.is_none(),
        Expect::Matches(etag) => found.is_some_and(|header| header.etag == etag),
    }
}

/// Runs file operations on the blocking thread pool.
async fn run_blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(failure) if failure.is_panic() => std::panic::resume_unwind(failure.into_panic()),
        Err(_) => Err(io_error(
            Path::new(META_FOLDER),
            io::Error::other("the runtime is shutting down"),
        )),
    }
}
