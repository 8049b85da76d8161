//! Multipart upload of large objects, which become visible at completion.

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};

use super::{S3, WRITE_ID, Write, sdk_error};
use crate::{ETag, ObjectName, StoreError};

const PART_BYTES: usize = 8 << 20;
/// Concurrent parts of one object.
const CONCURRENCY: usize = 4;

impl S3 {
    /// Sends an object in parts; the server checks the condition at completion.
    ///
    /// A failed upload is aborted. The parts of a crashed process stay in the bucket, invisible, until a lifecycle rule removes them.
    pub(super) async fn put_in_parts(
        &self,
        name: &ObjectName,
        bytes: Bytes,
        write: &Write,
    ) -> Result<ETag, StoreError> {
        let upload = MultipartUpload {
            store: self,
            key: self.key(name),
            id: self.begin(name, write).await?,
        };
        let outcome = match upload.send(bytes).await {
            Ok(parts) => upload.complete(name, parts, write).await,
            Err(failure) => Err(failure),
        };
        if outcome.is_err() {
            upload.abort().await;
        }
        match outcome {
            // When completion is retried after a lost reply, the server no longer knows the upload.
            Err(lost @ StoreError::Busy { .. }) => self.applied_version(name, write).await?.ok_or(lost),
            outcome => outcome,
        }
    }

    async fn begin(&self, name: &ObjectName, write: &Write) -> Result<String, StoreError> {
        let request = self
            .client
            .create_multipart_upload()
            .bucket(&self.bucket)
            .key(self.key(name));
        let begun = request.metadata(WRITE_ID, &write.id).send().await;
        let begun = begun.map_err(|error| sdk_error::of_store(&self.location, error))?;
        begun
            .upload_id
            .ok_or_else(|| self.unexpected("a multipart upload has no id"))
    }
}

struct MultipartUpload<'a> {
    store: &'a S3,
    key: String,
    id: String,
}

impl MultipartUpload<'_> {
    async fn send(&self, bytes: Bytes) -> Result<Vec<CompletedPart>, StoreError> {
        let pieces = (0..bytes.len())
            .step_by(PART_BYTES)
            .map(|at| bytes.slice(at..bytes.len().min(at + PART_BYTES)));
        stream::iter((1..).zip(pieces))
            .map(|(number, piece)| self.send_part(number, piece))
            .buffered(CONCURRENCY)
            .try_collect()
            .await
    }

    async fn send_part(&self, number: i32, piece: Bytes) -> Result<CompletedPart, StoreError> {
        let S3 {
            client,
            bucket,
            location,
            ..
        } = self.store;
        let request = client
            .upload_part()
            .bucket(bucket)
            .key(&self.key)
            .upload_id(&self.id)
            .part_number(number);
        let sent = request.body(ByteStream::from(piece)).send().await;
        let sent = sent.map_err(|error| sdk_error::of_store(location, error))?;
        Ok(CompletedPart::builder()
            .part_number(number)
            .set_e_tag(sent.e_tag)
            .build())
    }

    async fn complete(&self, name: &ObjectName, parts: Vec<CompletedPart>, write: &Write) -> Result<ETag, StoreError> {
        let S3 {
            client,
            bucket,
            location,
            ..
        } = self.store;
        let completed = client
            .complete_multipart_upload()
            .bucket(bucket)
            .key(&self.key)
            .upload_id(&self.id)
            .set_if_none_match(write.if_none_match())
            .set_if_match(write.if_match())
            .multipart_upload(CompletedMultipartUpload::builder().set_parts(Some(parts)).build())
            .customize()
            .interceptor(write.attempts.clone())
            .send()
            .await;
        match completed {
            Ok(answer) => self.store.tag(answer.e_tag),
            Err(error) => Err(sdk_error::of_write(location, name, error)),
        }
    }

    /// Deletes the parts. A failure is only logged: the caller has an error to report already, and left-over parts cost only space.
    async fn abort(&self) {
        let S3 {
            client,
            bucket,
            location,
            ..
        } = self.store;
        let aborted = client
            .abort_multipart_upload()
            .bucket(bucket)
            .key(&self.key)
            .upload_id(&self.id)
            .send()
            .await;
        if let Err(error) = aborted {
            let reason = sdk_error::innermost(&error);
            tracing::debug!(%location, key = self.key, reason, "parts of a failed upload are left in the bucket");
        }
    }
}
