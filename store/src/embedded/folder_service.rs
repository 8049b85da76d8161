//! The S3 operations, each on the folder of its bucket.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::TryStreamExt;
use s3s::dto::*;
use s3s::{Body, S3, S3Request, S3Response, S3Result, s3_error};

use super::buckets::Buckets;
use super::capacity::Capacity;
use super::uploads::Uploads;
use super::{condition, fault};
use crate::folder::Header;
use crate::{Expect, Folder, NameRange, OBJECT_BYTES_MAX, ObjectName, ObjectStore, Read, StoreError};

/// How long a client may take to send the body of a request.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);
/// The largest page of a listing, as in AWS.
const PAGE_COUNT_MAX: i32 = 1000;

#[derive(Debug)]
pub(super) struct FolderService {
    buckets: Arc<Buckets>,
    uploads: Uploads,
    capacity: Option<Arc<Capacity>>,
}

impl FolderService {
    pub(super) fn new(buckets: Arc<Buckets>, uploads: Uploads, capacity: Option<Arc<Capacity>>) -> Self {
        Self {
            buckets,
            uploads,
            capacity,
        }
    }

    async fn locate(&self, bucket: &str, key: &str) -> S3Result<(Arc<Folder>, ObjectName)> {
        let name = ObjectName::new(key).map_err(|error| fault::of_store(error.into()))?;
        Ok((self.buckets.existing(bucket).await?, name))
    }
}

#[async_trait::async_trait]
impl S3 for FolderService {
    async fn create_bucket(&self, req: S3Request<CreateBucketInput>) -> S3Result<S3Response<CreateBucketOutput>> {
        self.buckets.create(&req.input.bucket).await.map_err(fault::of_store)?;
        answer(CreateBucketOutput {
            location: Some(format!("/{}", req.input.bucket)),
        })
    }

    async fn head_bucket(&self, req: S3Request<HeadBucketInput>) -> S3Result<S3Response<HeadBucketOutput>> {
        self.buckets.existing(&req.input.bucket).await?;
        answer(HeadBucketOutput::default())
    }

    async fn get_object(&self, req: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        let GetObjectInput {
            bucket,
            key,
            if_match,
            if_none_match,
            ..
        } = req.input;
        if let Some(capacity) = &self.capacity {
            capacity.serve().await?;
        }
        let (folder, name) = self.locate(&bucket, &key).await?;
        let unless = match &if_none_match {
            Some(ETagCondition::ETag(tag)) => Some(condition::from_wire(tag)),
            Some(ETagCondition::Any) | None => None,
        };
        let object = match folder.get(&name, unless.as_ref()).await.map_err(fault::of_store)? {
            Read::Found(object) => object,
            Read::NotModified => return Err(s3_error!(NotModified)),
            Read::Missing => return Err(s3_error!(NoSuchKey)),
        };
        if if_match.is_some_and(|condition| !condition::matches(&condition, &object.etag)) {
            return Err(s3_error!(PreconditionFailed));
        }
        answer(GetObjectOutput {
            content_length: i64::try_from(object.bytes.len()).ok(),
            e_tag: Some(condition::to_wire(&object.etag)),
            body: Some(Body::from(object.bytes).into()),
            ..Default::default()
        })
    }

    async fn head_object(&self, req: S3Request<HeadObjectInput>) -> S3Result<S3Response<HeadObjectOutput>> {
        let (folder, name) = self.locate(&req.input.bucket, &req.input.key).await?;
        let found = folder.header(&name).await.map_err(fault::of_store)?;
        let Header {
            etag,
            writer,
            size_bytes,
        } = found.ok_or_else(|| s3_error!(NoSuchKey))?;
        answer(HeadObjectOutput {
            content_length: i64::try_from(size_bytes).ok(),
            e_tag: Some(condition::to_wire(&etag)),
            metadata: writer.map(condition::metadata),
            ..Default::default()
        })
    }

    async fn put_object(&self, req: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        let PutObjectInput {
            bucket,
            key,
            body,
            metadata,
            if_match,
            if_none_match,
            ..
        } = req.input;
        let (folder, name) = self.locate(&bucket, &key).await?;
        let expect = condition::expectation(if_match, if_none_match)?;
        let bytes = received(body).await?;
        let etag = write(&folder, &name, condition::write_id(metadata.as_ref()), bytes, expect).await?;
        answer(PutObjectOutput {
            e_tag: Some(condition::to_wire(&etag)),
            ..Default::default()
        })
    }

    async fn delete_object(&self, req: S3Request<DeleteObjectInput>) -> S3Result<S3Response<DeleteObjectOutput>> {
        let DeleteObjectInput {
            bucket, key, if_match, ..
        } = req.input;
        if if_match.is_some() {
            return Err(s3_error!(NotImplemented, "a delete takes no condition"));
        }
        let (folder, name) = self.locate(&bucket, &key).await?;
        folder.delete(&name).await.map_err(fault::of_store)?;
        answer(DeleteObjectOutput::default())
    }

    async fn list_objects_v2(&self, req: S3Request<ListObjectsV2Input>) -> S3Result<S3Response<ListObjectsV2Output>> {
        let ListObjectsV2Input {
            bucket,
            prefix,
            start_after,
            continuation_token,
            max_keys,
            delimiter,
            ..
        } = req.input;
        if delimiter.is_some() {
            return Err(s3_error!(NotImplemented, "a listing takes no delimiter"));
        }
        // The continuation token is the last name of the previous page.
        let after = continuation_token
            .clone()
            .or_else(|| start_after.clone())
            .unwrap_or_default();
        let range = NameRange::prefix(prefix.clone().unwrap_or_default()).after(&after);
        let max_keys = max_keys.unwrap_or(PAGE_COUNT_MAX).clamp(1, PAGE_COUNT_MAX);
        let count_max = usize::try_from(max_keys).expect("a page holds 1 to 1,000 names");

        let folder = self.buckets.existing(&bucket).await?;
        let page = folder.list(&range, count_max).await.map_err(fault::of_store)?;
        let last = page.objects.last().map(|object| object.name.to_string());
        answer(ListObjectsV2Output {
            name: Some(bucket),
            prefix,
            start_after,
            continuation_token,
            max_keys: Some(max_keys),
            key_count: i32::try_from(page.objects.len()).ok(),
            is_truncated: Some(page.rest.is_some()),
            next_continuation_token: page.rest.and(last),
            contents: Some(page.objects.into_iter().map(listed).collect()),
            ..Default::default()
        })
    }

    async fn create_multipart_upload(
        &self,
        req: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        let CreateMultipartUploadInput {
            bucket, key, metadata, ..
        } = req.input;
        let (_, name) = self.locate(&bucket, &key).await?;
        let id = self
            .uploads
            .begin(&bucket, &name, condition::write_id(metadata.as_ref()))
            .await?;
        answer(CreateMultipartUploadOutput {
            bucket: Some(bucket),
            key: Some(key),
            upload_id: Some(id),
            ..Default::default()
        })
    }

    async fn upload_part(&self, req: S3Request<UploadPartInput>) -> S3Result<S3Response<UploadPartOutput>> {
        let UploadPartInput {
            bucket,
            key,
            upload_id,
            part_number,
            body,
            ..
        } = req.input;
        let upload = self.uploads.find(&bucket, &key, &upload_id).await?;
        let etag = upload.put_part(part_number, received(body).await?).await?;
        answer(UploadPartOutput {
            e_tag: Some(condition::to_wire(&etag)),
            ..Default::default()
        })
    }

    async fn complete_multipart_upload(
        &self,
        req: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let CompleteMultipartUploadInput {
            bucket,
            key,
            upload_id,
            multipart_upload,
            if_match,
            if_none_match,
            ..
        } = req.input;
        let (folder, name) = self.locate(&bucket, &key).await?;
        let expect = condition::expectation(if_match, if_none_match)?;
        let upload = self.uploads.find(&bucket, &key, &upload_id).await?;
        let parts = multipart_upload.and_then(|list| list.parts).unwrap_or_default();
        let bytes = upload.joined(&parts).await?;
        let etag = write(&folder, &name, upload.writer(), bytes, expect).await?;
        upload.discard().await?;
        answer(CompleteMultipartUploadOutput {
            bucket: Some(bucket),
            key: Some(key),
            e_tag: Some(condition::to_wire(&etag)),
            ..Default::default()
        })
    }

    async fn abort_multipart_upload(
        &self,
        req: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        let AbortMultipartUploadInput {
            bucket, key, upload_id, ..
        } = req.input;
        self.uploads.find(&bucket, &key, &upload_id).await?.discard().await?;
        answer(AbortMultipartUploadOutput::default())
    }
}

fn answer<T>(output: T) -> S3Result<S3Response<T>> {
    Ok(S3Response::new(output))
}

async fn write(
    folder: &Folder,
    name: &ObjectName,
    writer: Option<&str>,
    bytes: Bytes,
    expect: Expect,
) -> S3Result<crate::ETag> {
    let must_match = matches!(expect, Expect::Matches(_));
    match folder.put_as(writer, name, bytes, expect).await {
        // As AWS: 404 for `If-Match` on a missing object, 412 on another version.
        Err(StoreError::PreconditionFailed { .. }) if must_match && is_missing(folder, name).await => {
            Err(s3_error!(NoSuchKey))
        }
        outcome => outcome.map_err(fault::of_store),
    }
}

async fn is_missing(folder: &Folder, name: &ObjectName) -> bool {
    matches!(folder.header(name).await, Ok(None))
}

fn listed(object: crate::Listed) -> Object {
    Object {
        key: Some(object.name.to_string()),
        size: i64::try_from(object.size_bytes).ok(),
        ..Default::default()
    }
}

/// Collects the body of a request.
async fn received(body: Option<StreamingBlob>) -> S3Result<Bytes> {
    let Some(body) = body else { return Ok(Bytes::new()) };
    let whole = body
        .map_err(|error| s3_error!(IncompleteBody, "the body was cut off: {}", error))
        .try_fold(BytesMut::new(), async |mut whole, piece| {
            if (whole.len() + piece.len()) as u64 > OBJECT_BYTES_MAX {
                return Err(s3_error!(EntityTooLarge));
            }
            whole.extend_from_slice(&piece);
            Ok(whole)
        });
    match tokio::time::timeout(BODY_TIMEOUT, whole).await {
        Ok(whole) => whole.map(BytesMut::freeze),
        Err(_) => Err(s3_error!(
            RequestTimeout,
            "the body did not arrive within {:?}",
            BODY_TIMEOUT
        )),
    }
}
