//! The handle a service holds: any backend, cheap to clone.

use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;

use futures::{Stream, StreamExt, TryStreamExt, stream};

use crate::s3::{S3, S3Settings};
use crate::{Durability, Folder, Listed, NameRange, ObjectStore, StoreError, probe};

/// How many names [`Store::list_all`] asks for at a time: as many as S3 gives.
const PAGE_COUNT: usize = 1000;

/// A store of objects, whatever backend keeps them; clones share it.
#[derive(Clone, Debug)]
pub struct Store(Arc<dyn ObjectStore>);

impl Store {
    /// A store of your own making.
    pub fn new(backend: impl ObjectStore) -> Self {
        Self(Arc::new(backend))
    }

    /// Opens the store at `url`, without asking it anything yet (see [`Store::check`]).
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

    /// A bucket of an S3-compatible server, or a part of it.
    pub async fn s3(settings: S3Settings) -> Result<Self, StoreError> {
        S3::connect(settings).await.map(Self::new)
    }

    /// A local folder, created if missing.
    pub async fn folder(path: impl Into<PathBuf>) -> Result<Self, StoreError> {
        Folder::open(path, Durability::Synced).await.map(Self::new)
    }

    /// Lists a whole range, page by page: no more than one page of names is held, however many there are.
    ///
    /// Objects that come or go meanwhile may be listed or not. The stream ends with the first error.
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

    /// Asks the store for as little as possible: fails if it is not there or does not let us in.
    pub async fn check(&self) -> Result<(), StoreError> {
        probe::check(&*self.0).await
    }

    /// Fails if the store lets two writers overwrite each other; to be asked before the first write of a target.
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
