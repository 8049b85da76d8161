//! The buckets of the embedded server, one folder each.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use s3s::{S3Result, s3_error};

use super::fault;
use crate::{Durability, Folder, StoreError};

#[derive(Debug)]
pub(super) struct Buckets {
    root: PathBuf,
    durability: Durability,
    open: RwLock<BTreeMap<String, Arc<Folder>>>,
}

impl Buckets {
    pub(super) fn new(root: PathBuf, durability: Durability) -> Self {
        Self {
            root,
            durability,
            open: RwLock::default(),
        }
    }

    /// An existing bucket, or `NoSuchBucket`.
    pub(super) async fn existing(&self, bucket: &str) -> S3Result<Arc<Folder>> {
        if let Some(folder) = self.opened(bucket) {
            return Ok(folder);
        }
        if tokio::fs::try_exists(self.root.join(bucket))
            .await
            .is_ok_and(|exists| exists)
        {
            self.create(bucket).await.map_err(fault::of_store)
        } else {
            Err(s3_error!(NoSuchBucket, "bucket {} does not exist", bucket))
        }
    }

    /// A bucket, created if missing. No lock is held meanwhile, because opening a folder twice at the same time is harmless.
    pub(super) async fn create(&self, bucket: &str) -> Result<Arc<Folder>, StoreError> {
        if let Some(folder) = self.opened(bucket) {
            return Ok(folder);
        }
        let folder = Arc::new(Folder::open(self.root.join(bucket), self.durability).await?);
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        Ok(Arc::clone(open.entry(bucket.to_owned()).or_insert(folder)))
    }

    fn opened(&self, bucket: &str) -> Option<Arc<Folder>> {
        self.open
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(bucket)
            .cloned()
    }
}
