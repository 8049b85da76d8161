//! The handle to a store with any backend, cheap to clone.

use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;

use futures::{Stream, StreamExt, TryStreamExt, stream};

use crate::s3::{S3, S3Settings};
use crate::{Durability, Folder, Listed, NameRange, ObjectStore, StoreError, probe};

/// The page size of [`Store::list_all`]: the most that S3 returns.
const PAGE_COUNT: usize = 1000;

/// A store of objects with any backend; clones share it.
#[derive(Clone, Debug)]
pub struct Store(Arc<dyn ObjectStore>);

impl Store {
    /// Wraps a backend, such as one of your own.
    pub fn new(backend: impl ObjectStore) -> Self {
        Self(Arc::new(backend))
    }

    /// Opens the store at `url` without contacting an S3 server; call [`Store::check`] to test access.
    ///
    /// - `s3://bucket/prefix`, with the options `?endpoint=http://host:port&path_style=true&region=name&ca_file=/path.pem`;
    ///   see [`S3Settings`].
    /// - `folder:///absolute/path` (or `file://`), created if missing; see [`Folder`].
    pub async fn from_url(url: &str) -> Result<Self, StoreError> {
        let bad = |reason: &str| StoreError::BadUrl {
            url: url.to_owned(),
            reason: reason.to_owned(),
        };
        match url.split_once("://") {
            Some(("s3", _)) => Self::s3(url.parse()?).await,
            Some(("folder" | "file", path)) if path.starts_with('/') => Self::folder(path).await,
            Some(("folder" | "file", _)) => Err(bad("has no absolute path, write folder:///path")),
            _ => Err(bad("has no known scheme, write s3://bucket/prefix or folder:///path")),
        }
    }

    /// Opens a bucket of an S3-compatible server, or the part below a prefix.
    pub async fn s3(settings: S3Settings) -> Result<Self, StoreError> {
        S3::connect(settings).await.map(Self::new)
    }

    /// Opens a local folder with [`Durability::Synced`], created if missing.
    pub async fn folder(path: impl Into<PathBuf>) -> Result<Self, StoreError> {
        Folder::open(path, Durability::Synced).await.map(Self::new)
    }

    /// Lists a whole range page by page, holding at most one page of names in memory.
    ///
    /// Objects created or deleted meanwhile may be listed or not. The stream ends with the first error.
    pub fn list_all(&self, range: NameRange) -> impl Stream<Item = Result<Listed, StoreError>> + Send + use<> {
        let store = self.clone();
        let pages = stream::try_unfold(Some(range), move |rest| {
            let store = store.clone();
            async move {
                let Some(range) = rest else { return Ok(None) };
                let page = store.list(&range, PAGE_COUNT).await?;
                Ok::<_, StoreError>(Some((stream::iter(page.objects).map(Ok), page.rest)))
            }
        });
        pages.try_flatten()
    }

    /// Fails if the store is missing, unreachable or denies access, by one cheap request.
    pub async fn check(&self) -> Result<(), StoreError> {
        probe::check(&*self.0).await
    }

    /// Fails if the store lets two writers overwrite each other; call it before the first write of a target.
    pub async fn require_conditional_writes(&self) -> Result<(), StoreError> {
        probe::require_conditional_writes(&*self.0).await
    }
}

impl Deref for Store {
    type Target = dyn ObjectStore;

    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}
