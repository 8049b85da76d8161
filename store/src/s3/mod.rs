//! Objects in a bucket of an S3-compatible server.

mod attempts;
mod client;
mod multipart;
mod read;
mod sdk_error;
mod settings;
mod trust;
mod write;

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;

pub use self::settings::{Credentials, S3Settings};
pub(crate) use self::write::WRITE_ID;
use self::write::Write;
use crate::object_store::require_size;
use crate::request_trace::{StoreOperation, traced};
use crate::{ETag, Expect, Listed, NameRange, ObjectName, ObjectStore, Page, Read, StoreError};

/// Objects up to this size are sent in one request, larger ones by multipart upload.
const SINGLE_BYTES_MAX: usize = 16 << 20;
/// The largest page of a listing in S3.
const PAGE_COUNT_MAX: usize = 1000;

/// A bucket, or the part of it below a prefix.
#[derive(Clone, Debug)]
pub struct S3 {
    client: Client,
    bucket: String,
    /// Empty, or ending in a slash.
    prefix: String,
    location: String,
}

impl S3 {
    /// Creates a client for the bucket; sends no request.
    pub async fn connect(settings: S3Settings) -> Result<Self, StoreError> {
        settings.check()?;
        let slash = if settings.prefix.is_empty() { "" } else { "/" };
        Ok(Self {
            client: client::client(&settings).await?,
            location: settings.to_string(),
            prefix: format!("{}{slash}", settings.prefix),
            bucket: settings.bucket,
        })
    }

    fn key(&self, name: &ObjectName) -> String {
        format!("{}{name}", self.prefix)
    }

    async fn put_single(&self, name: &ObjectName, bytes: Bytes, write: &Write) -> Result<ETag, StoreError> {
        let sent = self
            .client
            .put_object()
            .bucket(&self.bucket)
            .key(self.key(name))
            .metadata(WRITE_ID, &write.id)
            .set_if_none_match(write.if_none_match())
            .set_if_match(write.if_match())
            .body(ByteStream::from(bytes))
            .customize()
            .interceptor(write.attempts.clone())
            .send()
            .await;
        match sent {
            Ok(answer) => self.tag(answer.e_tag),
            Err(error) => Err(sdk_error::of_write(&self.location, name, error)),
        }
    }

    /// The version of the object if this very write made it, recognised by [`WRITE_ID`].
    ///
    /// A reply can be lost after the write was applied. The SDK then retries, and the retry fails its condition on our own object.
    async fn applied_version(&self, name: &ObjectName, write: &Write) -> Result<Option<ETag>, StoreError> {
        let head = self
            .client
            .head_object()
            .bucket(&self.bucket)
            .key(self.key(name))
            .send()
            .await;
        match head {
            Ok(found) if found.metadata().and_then(|own| own.get(WRITE_ID)) == Some(&write.id) => {
                self.tag(found.e_tag).map(Some)
            }
            Ok(_) => Ok(None),
            Err(error) if sdk_error::status(&error) == Some(404) => Ok(None),
            Err(error) => Err(sdk_error::of_store(&self.location, error)),
        }
    }

    async fn write(&self, name: &ObjectName, bytes: Bytes, expect: Expect) -> Result<ETag, StoreError> {
        require_size(name, bytes.len() as u64)?;
        let write = Write::new(expect);
        let sent = if bytes.len() <= SINGLE_BYTES_MAX {
            self.put_single(name, bytes, &write).await
        } else {
            self.put_in_parts(name, bytes, &write).await
        };
        match sent {
            Err(StoreError::PreconditionFailed { name }) if write.attempts.may_have_been_applied() => {
                let applied_version = self.applied_version(&name, &write).await?;
                applied_version.ok_or(StoreError::Undecided { name })
            }
            outcome => outcome,
        }
    }

    async fn remove(&self, name: &ObjectName) -> Result<(), StoreError> {
        let sent = self
            .client
            .delete_object()
            .bucket(&self.bucket)
            .key(self.key(name))
            .send()
            .await;
        match sent {
            Ok(_) => Ok(()),
            Err(error) => Err(sdk_error::of_store(&self.location, error)),
        }
    }

    async fn list_page(&self, range: &NameRange, count_max: usize) -> Result<Page, StoreError> {
        let after = Some(range.lower_bound()).filter(|after| !after.is_empty());
        let count = count_max.clamp(1, PAGE_COUNT_MAX);
        let request = self
            .client
            .list_objects_v2()
            .bucket(&self.bucket)
            .prefix(format!("{}{}", self.prefix, range.common_prefix()))
            .set_start_after(after.map(|after| format!("{}{after}", self.prefix)))
            .max_keys(i32::try_from(count).expect("a page holds at most 1,000 names"));
        match request.send().await {
            Ok(answer) => self.page(range, answer),
            Err(error) => Err(sdk_error::of_store(&self.location, error)),
        }
    }

    fn tag(&self, sent: Option<String>) -> Result<ETag, StoreError> {
        sent.map(ETag::new)
            .ok_or_else(|| self.unexpected("an object has no ETag"))
    }

    fn page(&self, range: &NameRange, answer: ListObjectsV2Output) -> Result<Page, StoreError> {
        let mut objects = Vec::new();
        let mut rest = None;
        for found in answer.contents.unwrap_or_default() {
            let key = found.key.unwrap_or_default();
            let text = key.strip_prefix(&self.prefix).unwrap_or_default();
            if range.is_before(text) {
                return Ok(Page { objects, rest: None });
            }
            rest = Some(range.clone().after(text));
            let size_bytes = found.size.and_then(|size| u64::try_from(size).ok()).unwrap_or(0);
            // The bucket may contain objects of other programs, whose names need not be valid object names.
            if let (true, Ok(name)) = (range.contains(text), ObjectName::new(text)) {
                objects.push(Listed { name, size_bytes });
            }
        }
        match (answer.is_truncated, &rest) {
            (Some(true), Some(rest)) if rest == range => Err(self.unexpected("a truncated listing makes no progress")),
            (Some(true), _) => Ok(Page { objects, rest }),
            _ => Ok(Page { objects, rest: None }),
        }
    }

    fn unexpected(&self, reason: &str) -> StoreError {
        StoreError::Unexpected {
            location: self.location.clone(),
            reason: reason.to_owned(),
        }
    }
}

#[async_trait]
impl ObjectStore for S3 {
    async fn get(&self, name: &ObjectName, unless: Option<&ETag>) -> Result<Read, StoreError> {
        traced(StoreOperation::Get, &self.location, None, self.read(name, unless)).await
    }

    async fn put(&self, name: &ObjectName, bytes: Bytes, expect: Expect) -> Result<ETag, StoreError> {
        let size = Some(bytes.len());
        let writing = self.write(name, bytes, expect);
        traced(StoreOperation::Put, &self.location, size, writing).await
    }

    async fn list(&self, range: &NameRange, count_max: usize) -> Result<Page, StoreError> {
        let listing = self.list_page(range, count_max);
        traced(StoreOperation::List, &self.location, None, listing).await
    }

    async fn delete(&self, name: &ObjectName) -> Result<(), StoreError> {
        traced(StoreOperation::Delete, &self.location, None, self.remove(name)).await
    }

    fn location(&self) -> &str {
        &self.location
    }
}
